/**
 * A word that must be found nowhere: a test puts it into everything that only the reader may see, and looks for it in all that an
 * installation keeps, in the forms in which mail and databases write text.
 */
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Store } from "../../src/store/store.ts";

/** Letters and digits alone, so that it stays what it is where case is folded and accents are removed. */
export function newCanary(): string {
  return `kanari${randomBytes(6).toString("hex")}`;
}

/** A place, and the form in which the canary stands there. */
export type Sighting = { readonly where: string; readonly form: string };

/** The octets of the canary by the names of the forms; base64 in each place among three octets. */
export function formsOf(canary: string): ReadonlyMap<string, Buffer> {
  const octets = Buffer.from(canary);
  const utf16 = Buffer.from(canary, "utf16le");
  const quoted = octets.toString("hex").replaceAll(/../g, "=$&");
  const forms = new Map<string, Buffer>([
    ["raw", octets],
    ["raw, in capitals", Buffer.from(canary.toUpperCase())],
    ["quoted-printable", Buffer.from(quoted.toUpperCase())],
    ["quoted-printable, small", Buffer.from(quoted)],
    ["UTF-16LE", utf16],
    ["UTF-16BE", Buffer.from(utf16).swap16()],
    ["hexadecimal", Buffer.from(octets.toString("hex"))],
  ]);
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), octets]).toString("base64");
    // Digits that other octets have a part in are left out.
    const begin = Math.ceil((before * 8) / 6);
    const end = Math.floor(((before + octets.length) * 8) / 6);
    forms.set(`base64, ${String(before)} octets before it`, Buffer.from(text.slice(begin, end)));
  }
  return forms;
}

/** The form in which some octets have the canary, across the ends of lines too; undefined when they have it in none. */
export function formIn(octets: Uint8Array, forms: ReturnType<typeof formsOf>): string | undefined {
  const whole = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  for (const data of [whole, joinedLines(whole)]) {
    for (const [form, text] of forms) if (data.includes(text)) return form;
  }
  return undefined;
}

/** Without line ends, and without the soft ones of quoted-printable. */
function joinedLines(data: Buffer): Buffer {
  return Buffer.from(data.toString("latin1").replaceAll(/=?\r?\n/g, ""), "latin1");
}

/** In the files of a folder and below it. What is deleted meanwhile is not there. */
export async function sightingsInFiles(dir: string, canary: string): Promise<readonly Sighting[]> {
  const forms = formsOf(canary);
  const found: Sighting[] = [];
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const octets = await readFile(path).catch(() => Buffer.alloc(0));
    const form = formIn(octets, forms);
    if (form !== undefined) found.push({ where: path.slice(dir.length + 1), form });
  }
  return found;
}

/** In the values of all rows, each by its table and column. */
export async function sightingsInRows(store: Store, canary: string): Promise<readonly Sighting[]> {
  const forms = formsOf(canary);
  const found = new Map<string, string>();
  for (const { name } of await store.db.introspection.getTables()) {
    const rows = await store.db
      .selectFrom(name as "slots")
      .selectAll()
      .execute();
    for (const [column, value] of rows.flatMap(
      (row) => Object.entries(row) as [string, unknown][],
    )) {
      const octets = value instanceof Uint8Array ? value : Buffer.from(String(value));
      const form = formIn(octets, forms);
      if (form !== undefined) found.set(`${name}.${column}`, form);
    }
  }
  return [...found].map(([where, form]) => ({ where, form }));
}
