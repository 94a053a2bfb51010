/** Where an export is written: a Maildir or a folder of mbox files. */
import type { Flag } from "../mailbox.ts";

/** A message with what its files say of it. */
export type ToWrite = {
  readonly id: string;
  /** With CRLF, and without the fields of `MBOX_FIELDS`. */
  readonly message: Uint8Array;
  readonly receivedAt: Date;
  readonly flags: readonly Flag[];
  readonly keywords: readonly string[];
  readonly isDraft: boolean;
};

/**
 * A target is disposed when all is written, or when the export was interrupted: what was written until then is found by the next
 * one. After a crash the next one finds whole messages only.
 */
export type ExportTarget = AsyncDisposable & {
  /** Whether a message is there already, of this export or of one that was interrupted. */
  readonly has: (id: string) => boolean;
  /** Begins a folder, which is there then even if it stays empty. */
  readonly beginFolder: (name: string) => Promise<void>;
  /** Writes a message into the folder that was begun last. */
  readonly write: (mail: ToWrite) => Promise<void>;
  /** All that was written is durable when this returns. */
  readonly finish: () => Promise<void>;
};
