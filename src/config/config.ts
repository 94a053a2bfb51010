/**
 * The configuration: one TOML file, parsed once at the start and again at SIGHUP.
 *
 * `schema.ts` has every field once, with its meaning, unit and default. The manual, `sealpost init` and the checks are made
 * from that schema (`describe.ts`). `loadConfig` here parses the file, checks it, makes paths absolute and freezes the result.
 * A fault names the file, the line and what to write instead. Unknown fields are faults: a misspelt limit must not be ignored.
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import type { z } from "zod";

import { AppError, errorText } from "../base/errors.ts";
import { absolutePaths } from "./absolute-paths.ts";
import { fieldsOf } from "./fields.ts";
import { lineOf } from "./line.ts";
import { configSchema } from "./schema.ts";

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

type InCamelCase<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? readonly InCamelCase<Item>[]
    : T extends object
      ? { readonly [K in keyof T as CamelCase<K> & string]: InCamelCase<T[K]> }
      : T;

/** The values of the file, defaults filled in, in camel case; times are in the unit the name says. */
type FileValues = InCamelCase<z.output<typeof configSchema>>;

/** The database as `store/` opens it. */
export type DatabaseConfig =
  | { readonly engine: "sqlite"; readonly path: string }
  | {
      readonly engine: "postgres";
      readonly url: string;
      /** Of a role that can read what is published and nothing else. */
      readonly keyserverUrl?: string;
    };

/** A checked configuration; every path is absolute. `file` is where it was read. */
export type Config = Omit<FileValues, "database"> & {
  readonly file: string;
  readonly database: DatabaseConfig;
  /** Where what is published is appended. */
  readonly publishedFile: string;
};

/** A configuration that cannot be used. `problems` has one line for each fault, with where it stands. */
export class ConfigError extends AppError {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[], cause?: unknown) {
    super(problems.join("\n"), { temporary: false, cause });
    this.problems = problems;
  }
}

/**
 * Reads and checks a configuration file.
 * @throws ConfigError naming file, line and what to do for each fault.
 */
export async function loadConfig(file: string): Promise<Config> {
  return (await readConfig(file)).config;
}

/** Where a field stands: `FILE:LINE: table.field`, as each fault begins. */
export type At = (...path: readonly string[]) => string;

/** What is known of the fields of a file beside their values. */
export type Fields = {
  readonly at: At;
  /** Whether a field stands in the file; else its value is the default. */
  readonly isGiven: (...path: readonly string[]) => boolean;
};

/** As `loadConfig`, with what faults need that the text alone does not show. */
export async function readConfig(
  file: string,
): Promise<{ readonly config: Config; readonly fields: Fields }> {
  const [text, absolute] = [await readText(file), resolve(file)];
  return { config: parseConfig(text, absolute), fields: fieldsIn(text, absolute) };
}

/** The fields of a text that would stand in `file`. @throws ConfigError when it is no TOML. */
export function fieldsIn(text: string, file: string): Fields {
  const values = parseToml(text, file);
  return {
    at: (...path) => `${file}:${lineOf(text, path)}: ${path.join(".")}`,
    isGiven: (...path) =>
      path.reduce<unknown>((at, key) => property(at, key), values) !== undefined,
  };
}

/** As `loadConfig`, from a text that would stand in `file`. */
export function parseConfig(text: string, file: string): Config {
  const checked = configSchema.safeParse(parseToml(text, file));
  if (!checked.success) {
    throw new ConfigError(checked.error.issues.flatMap((issue) => problemsOf(issue, text, file)));
  }
  const { database, ...rest } = camelCase(absolutePaths(configSchema, checked.data, dirname(file)));
  const publishedFile =
    database.publishedFile ??
    (database.engine === "sqlite"
      ? `${database.path}.published`
      : resolve(dirname(file), "sealpost.published"));
  return deepFreeze({ ...rest, file, database: databaseOf(database), publishedFile });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError(
      [
        `${file}: cannot be read (${errorText(cause)})`,
        "Name the file with --config FILE, or write one with: sealpost init --domain DOMAIN",
      ],
      cause,
    );
  }
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // What follows the first line shows lines of the file, and so does the cause: passwords may stand in them.
    const first = cause.message.split("\n", 1)[0] ?? "";
    throw new ConfigError([`${file}:${cause.line}:${cause.column}: ${first}`]);
  }
}

function problemsOf(issue: z.core.$ZodIssue, text: string, file: string): readonly string[] {
  const path = issue.path.map(String);
  const { at, isGiven } = fieldsIn(text, file);
  if (issue.code !== "unrecognized_keys") {
    const values = comparedFields(issue, path).map((one) => standing(one, isGiven(...one), text));
    const message = [messageOf(issue), ...values].join("; ");
    return [`${at(...path)}: ${message}${hintFor(path)}`];
  }
  return issue.keys.map(
    (key) =>
      `${at(...path, isName(key) ? key : "?")}: there is no such field; see: sealpost config describe`,
  );
}

/** What is expected, where the checker says it in terms of its own. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_key") return "is not a domain name";
  if (issue.code === "too_small" && issue.origin === "array") return "is empty; name at least one";
  if (issue.code === "invalid_type" && issue.expected === "object") {
    return "must be a table with fields of its own, not a single value";
  }
  return issue.message || "is wrong";
}

/** The two fields of a fault that says how one must stand to the other: the schema names the other under `compared`. */
function comparedFields(
  issue: z.core.$ZodIssue,
  path: readonly string[],
): readonly (readonly string[])[] {
  const other: unknown = issue.code === "custom" ? issue.params?.["compared"] : undefined;
  return typeof other === "string" ? [path, [...path.slice(0, -1), other]] : [];
}

/** Of a field that is compared with another: where it stands, or the value that it has by default. */
function standing(path: readonly string[], isGiven: boolean, text: string): string {
  const name = path.at(-1) ?? "";
  if (isGiven) return `${name} stands in line ${lineOf(text, path)}`;
  const field = fieldsOf(configSchema).find((one) => one.path.join() === path.join());
  return field?.default === undefined
    ? `${name} has no default`
    : `${name} is ${JSON.stringify(field.default)} by default`;
}

/** What is no name may be a value in the wrong place. */
function isName(key: string): boolean {
  return /^[a-z][a-zA-Z0-9_-]{0,39}$/.test(key);
}

function hintFor(path: readonly string[]): string {
  const known = fieldsOf(configSchema).find((field) => field.path.join() === path.join());
  return known === undefined ? "" : ` (${known.description.replace(/\.$/, "")}: ${known.values})`;
}

function property(of: unknown, name: string): unknown {
  return typeof of === "object" && of !== null ? Reflect.get(of, name) : undefined;
}

function databaseOf(values: FileValues["database"]): DatabaseConfig {
  if (values.engine === "sqlite") return { engine: "sqlite", path: values.path };
  const { url = "", keyserverUrl } = values;
  return keyserverUrl === undefined
    ? { engine: "postgres", url }
    : { engine: "postgres", url, keyserverUrl };
}

/** Domain names as keys (`relay.hosts`) hold no underscore and stay as they are. */
function camelCase<T>(value: T): InCamelCase<T>;
function camelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => camelCase(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]: [string, unknown]) => [
      key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      camelCase(child),
    ]),
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
