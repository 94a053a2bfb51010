import { z } from "zod";

import type { FieldNote } from "./values.ts";

/** One field or table of the schema, as `describe`, `load` and `init` need it. */
export type Field = FieldNote & {
  readonly path: readonly string[];
  readonly kind: "table" | "value";
  /** The values it takes, in words. */
  readonly values: string;
  readonly default: unknown;
  readonly isRequired: boolean;
};

type Unwrapped = {
  schema: z.core.$ZodType;
  default: unknown;
  isRequired: boolean;
  note: FieldNote;
};

/** The fields below a table, tables before their own fields, in the order of the schema. */
export function fieldsOf(table: z.core.$ZodType, path: readonly string[] = []): readonly Field[] {
  if (!(table instanceof z.ZodObject)) return [];
  return Object.entries(table.shape).flatMap(([name, child]) => {
    const { schema, note, ...rest } = unwrap(child);
    const own = [...path, name];
    const kind = schema instanceof z.ZodObject ? ("table" as const) : ("value" as const);
    return [
      { path: own, kind, values: valuesOf(schema), ...rest, ...note },
      ...fieldsOf(schema, own),
    ];
  });
}

/** Whether a field is a path, which is relative to the folder of the file. */
export function isPathField(field: z.core.$ZodType): boolean {
  return unwrap(field).note.isPath === true;
}

/** Takes default, optional and the like off; the outermost note counts. */
function unwrap(schema: z.core.$ZodType): Unwrapped {
  let found: Unwrapped = { schema, default: undefined, isRequired: true, note: noteOf(schema) };
  for (let inner = schema; ;) {
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
      found = { ...found, default: inner.def.defaultValue, isRequired: false };
    } else if (inner instanceof z.ZodOptional) {
      found = { ...found, isRequired: false };
    } else {
      return found;
    }
    inner = inner.def.innerType;
    const note = noteOf(inner);
    found = { ...found, schema: inner, note: found.note.description === "" ? note : found.note };
  }
}

function noteOf(schema: z.core.$ZodType): FieldNote {
  const meta = z.globalRegistry.get(schema);
  return { ...meta, description: meta?.description ?? "" };
}

function valuesOf(schema: z.core.$ZodType): string {
  if (schema instanceof z.ZodEnum) return schema.options.map((o) => JSON.stringify(o)).join(" | ");
  if (schema instanceof z.ZodNumber) {
    return `whole number from ${schema.minValue ?? 0} to ${schema.maxValue ?? "any"}`;
  }
  if (schema instanceof z.ZodBoolean) return "true | false";
  if (schema instanceof z.ZodArray) return "list";
  return schema instanceof z.ZodRecord || schema instanceof z.ZodObject ? "table" : "text";
}
