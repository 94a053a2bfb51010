/**
 * A folder of mbox files, one for each folder of the mailbox, in the form mboxrd. Which messages a file holds, and where each ends,
 * is noted once they are on the disk. An export that was interrupted is cut to the last noted message and goes on from there.
 */
import { constants, open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { syncFolder } from "../../blobs/body-files.ts";
import { parseAddress } from "../../mail/address.ts";
import { fieldBody, firstField, parseHeader, serializeHeader } from "../../mail/header.ts";
import { stateFile, type ExportFolder, type TargetTaken } from "./export-folder.ts";
import type { ExportTarget, ToWrite } from "./export-target.ts";
import { mboxFields } from "./file-flags.ts";
import { mboxFile } from "./folder-names.ts";
import { fromLine, quoted } from "./mbox-lines.ts";

const FILE_MODE = 0o600;
/** Maximum number of messages, and of their octets, that are written again after an interruption. */
const MAX_UNNOTED = { messages: 100, octets: 32 * 1024 * 1024 } as const;

/** A message that a file holds up to `end`. */
type Note = { readonly id: string; readonly file: string; readonly end: number };

/** Opens the mbox files in a folder that an export may write into. */
export async function openMboxFiles({
  at,
  path,
}: ExportFolder): Promise<ExportTarget | TargetTaken> {
  const noted = await readNotes(at);
  if (noted === undefined) return { kind: "target-taken", path, why: "changed" };
  const { notes, octets } = noted;
  const ends = new Map<string, number>();
  for (const { file, end } of notes) ends.set(file, Math.max(end, ends.get(file) ?? 0));
  for (const [file, end] of ends) {
    if (!(await cutTo(join(at, file), end))) return { kind: "target-taken", path, why: "changed" };
  }
  return new MboxFiles(at, { notes, octets, ends });
}

class MboxFiles implements ExportTarget {
  readonly #path: string;
  readonly #written: Set<string>;
  readonly #ends: Map<string, number>;
  #unnoted: Note[] = [];
  #unnotedOctets = 0;
  #notesOctets: number;
  #open: { readonly name: string; readonly file: FileHandle } | undefined;

  constructor(
    path: string,
    { notes, octets, ends }: Noted & { readonly ends: Map<string, number> },
  ) {
    this.#path = path;
    this.#notesOctets = octets;
    this.#written = new Set(notes.map(({ id }) => id));
    this.#ends = ends;
  }

  has(id: string): boolean {
    return this.#written.has(id);
  }

  async beginFolder(folder: string): Promise<void> {
    await this.#close();
    const name = mboxFile(folder);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const file = await open(join(this.#path, name), flags, FILE_MODE);
    this.#open = { name, file };
    // What was written and not noted is written again.
    await file.truncate(this.#ends.get(name) ?? 0);
    await syncFolder(this.#path);
  }

  async write(mail: ToWrite): Promise<void> {
    if (this.#open === undefined) return;
    const { name, file } = this.#open;
    const bytes = messageIn(mail);
    const start = this.#ends.get(name) ?? 0;
    await writeAt(file, bytes, start);
    const end = start + bytes.length;
    this.#ends.set(name, end);
    this.#written.add(mail.id);
    this.#unnoted.push({ id: mail.id, file: name, end });
    this.#unnotedOctets += bytes.length;
    const { messages, octets } = MAX_UNNOTED;
    if (this.#unnoted.length >= messages || this.#unnotedOctets >= octets) await this.#note();
  }

  async finish(): Promise<void> {
    await this.#note();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.#note();
    await this.#open?.file.close();
    this.#open = undefined;
  }

  /** First the messages are durable, then what says so. Where a disk was full, half of it may have been said before. */
  async #note(): Promise<void> {
    if (this.#unnoted.length === 0) return;
    await this.#open?.file.sync();
    const lines = Buffer.from(this.#unnoted.map((note) => `${JSON.stringify(note)}\n`).join(""));
    await using notes = await open(stateFile(this.#path), "r+");
    await notes.truncate(this.#notesOctets);
    await writeAt(notes, lines, this.#notesOctets);
    await notes.sync();
    this.#notesOctets += lines.length;
    this.#unnoted = [];
    this.#unnotedOctets = 0;
  }
}

/** What was noted, and how many octets the file of the notes has. */
type Noted = { readonly notes: readonly Note[]; readonly octets: number };

/**
 * All but the first line, which says what the folder is. A line that is not whole is cut off. Undefined: a line before the last is
 * none of ours.
 */
async function readNotes(path: string): Promise<Noted | undefined> {
  await using file = await open(stateFile(path), "r+");
  const text = (await file.readFile()).toString();
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const octets = Buffer.byteLength(whole);
  await file.truncate(octets);
  const [, ...lines] = whole.split("\n").filter((line) => line !== "");
  try {
    return { notes: lines.map((line) => JSON.parse(line) as Note), octets };
  } catch {
    return undefined;
  }
}

/** False: the file is shorter than what was noted of it. */
async function cutTo(path: string, end: number): Promise<boolean> {
  await using file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch(
    () => undefined,
  );
  if (file === undefined || (await file.stat()).size < end) return false;
  await file.truncate(end);
  return true;
}

function messageIn({ message, receivedAt, flags, keywords, isDraft }: ToWrite): Uint8Array {
  const { header, bodyOffset } = parseHeader(message);
  const fields = [...header, ...mboxFields(flags, isDraft, keywords)];
  const path = firstField(header, "Return-Path");
  const sender = path && /^<(.*)>$/.exec(fieldBody(path))?.[1];
  const isAddress = sender !== undefined && parseAddress(sender) !== undefined;
  const whole = Buffer.concat([
    serializeHeader(fields),
    Buffer.from("\r\n"),
    message.subarray(bodyOffset),
  ]);
  const line = fromLine(isAddress ? sender : undefined, receivedAt);
  return Buffer.concat([Buffer.from(line), quoted(whole)]);
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
