/** A message of a mailbox as its row has it. */
import type { Selectable } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { Schema } from "../engine/schema.ts";

/** A message as its row has it. `key` is empty while the summary is wrapped to the public key. */
export type MailboxRow = {
  readonly id: string;
  readonly folder: string;
  readonly number: number;
  readonly change: number;
  readonly flags: number;
  readonly form: string;
  readonly state: string;
  readonly blob: string;
  /** Of a draft whose blob was converted: the version that its text keeps; else "". */
  readonly version: string;
  readonly key: string;
  readonly summary: Uint8Array;
  /** What became of a sent message later, wrapped to the public key; empty for nothing. */
  readonly news: Uint8Array;
  /** The tag of its Message-ID; "" for none. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly receivedAt: Date;
  /** Whether it came or left encrypted, so that an answer to it must not leave in clear. */
  readonly isProtected: boolean;
  /** When a removed message is deleted; undefined: it is not removed. */
  readonly expungeAt: Date | undefined;
};

/** The flag that tells seen messages from others. Folders count the others. */
export const SEEN = 1;

/** What is read of a row. */
export const COLUMNS = [
  "id",
  "folder",
  "number",
  "change",
  "flags",
  "form",
  "state",
  "blob",
  "version",
  "key",
  "summary",
  "news",
  "name",
  "size_bytes",
  "received_at",
  "is_protected",
  "expunge_at",
] as const;

type Row = Pick<Selectable<Schema["mailbox_messages"]>, (typeof COLUMNS)[number]>;

/** A row as it was read. */
export function rowFrom(row: Row): MailboxRow {
  const { size_bytes: sizeBytes, received_at: at, expunge_at: expungeAt, ...others } = row;
  const { is_protected: isProtected, ...same } = others;
  return {
    ...same,
    sizeBytes,
    receivedAt: fromUnixMs(at),
    isProtected: isProtected === 1,
    expungeAt: expungeAt === 0 ? undefined : fromUnixMs(expungeAt),
  };
}

/** Whether a message is in its folder, and not removed. */
export function isShown({ expungeAt }: Pick<MailboxRow, "expungeAt">): boolean {
  return expungeAt === undefined;
}
/** What a message with these flags adds to the unseen ones. */
export function unseenIn(flags: number): 0 | 1 {
  return (flags & SEEN) === 0 ? 1 : 0;
}
