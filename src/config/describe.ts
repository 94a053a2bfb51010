/** The configuration file in words: `config describe` prints it, `init` writes it. Everything comes from the schema. */
import { stringify } from "smol-toml";

import { type Field, fieldsOf } from "./fields.ts";
import { configSchema } from "./schema.ts";

/** A field as `config describe --json` prints it. */
export type DescribedField = {
  readonly name: string;
  readonly description: string;
  readonly values: string;
  readonly unit: string | null;
  readonly default: unknown;
  readonly isRequired: boolean;
};

/** Every field (no tables) with unit and default. */
export function describedFields(): readonly DescribedField[] {
  return fieldsOf(configSchema)
    .filter((field) => field.kind === "value")
    .map((field) => ({
      name: field.path.join("."),
      description: field.description,
      values: field.values,
      unit: field.unit ?? null,
      default: field.default ?? null,
      isRequired: field.isRequired,
    }));
}

/**
 * The whole file with a comment for each field. A field in `given` (by its dotted name) gets that value, and a table
 * with such a field is switched on; everything else is commented out (`#`, no space), with its default or an example.
 */
export function annotatedFile(given: Readonly<Record<string, unknown>> = {}): string {
  const isOn = (table: string) =>
    Object.keys(given).some((name) => name === table || name.startsWith(`${table}.`));
  return fieldsOf(configSchema)
    .map((field) => {
      const name = field.path.join(".");
      if (field.kind === "table") {
        return `\n${comment(field.description)}\n${headed(field, isOn(name))}\n`;
      }
      return `${comment(explanation(field))}\n${assignment(field, given[name])}\n`;
    })
    .join("");
}

/** A table must be written where all its fields have defaults only if somebody says so: `[listen.mx]` switches on. */
function headed(field: Field, isOn: boolean): string {
  return field.path.length > 1 && !isOn
    ? `#[${field.path.join(".")}]`
    : `[${field.path.join(".")}]`;
}

function explanation(field: Field): string {
  const unit = field.unit === undefined ? "" : `, in ${field.unit}`;
  return `${field.description} (${field.values}${unit}${field.isRequired ? ", required" : ""})`;
}

function assignment(field: Field, given: unknown): string {
  const value = given ?? field.default ?? field.example ?? "";
  const name = field.path.at(-1) ?? "";
  const line = `${name} = ${inline(value)}`;
  return given === undefined ? `#${line}` : line;
}

/** A value on one line, as TOML writes it. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => inline(item)).join(", ")}]`;
  if (typeof value !== "object" || value === null) {
    return stringify({ value }).slice("value = ".length).trim();
  }
  const entries = Object.entries(value).map(
    ([key, child]: [string, unknown]) =>
      `${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)} = ${inline(child)}`,
  );
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function comment(text: string): string {
  return text.replaceAll(/^/gm, "# ");
}
