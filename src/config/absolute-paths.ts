import { resolve } from "node:path";
import { z } from "zod";

import { isPathField } from "./fields.ts";

/** The values of a checked file with each path in them made absolute, by the folder that it is relative to. */
export function absolutePaths<T>(schema: z.core.$ZodType, values: T, folder: string): T {
  return absolute(schema, values, folder) as T;
}

function absolute(schema: z.core.$ZodType, value: unknown, folder: string): unknown {
  if (isPathField(schema)) return typeof value === "string" ? resolve(folder, value) : value;
  const inner = unwrapped(schema);
  if (typeof value !== "object" || value === null) return value;
  if (inner instanceof z.ZodRecord) return mapped(value, () => inner.valueType, folder);
  if (inner instanceof z.ZodObject) return mapped(value, (name) => inner.shape[name], folder);
  return value;
}

function mapped(
  values: object,
  schemaOf: (name: string) => z.core.$ZodType | undefined,
  folder: string,
): object {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]: [string, unknown]) => {
      const schema = schemaOf(name);
      return [name, schema === undefined ? value : absolute(schema, value, folder)];
    }),
  );
}

/** What is left without default, optional, and what is done before the check. */
function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPipe) return unwrapped(schema.def.out);
  const isWrapper =
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional;
  return isWrapper ? unwrapped(schema.def.innerType) : schema;
}
