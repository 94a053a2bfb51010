/** Drafts for tests: a mailbox, texts, and attachments. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { DraftAttachment, Drafts, Replaced } from "../../src/mailbox/drafts/drafts.ts";
import type { MessageId } from "../../src/mailbox/mailbox.ts";
import type { BlobPlace } from "../../src/store/mail/blobs.ts";
import { embeddedMailbox, type EmbeddedMailbox } from "./embedded-mailbox.ts";
import type { OpenStore } from "./engines.ts";

/** A mailbox of its own, with bodies in a place. */
export type DraftsWorld = EmbeddedMailbox & AsyncDisposable & { readonly folder: string };

/** The folder is deleted with the world. */
export async function draftsWorld(openStore: OpenStore, bodies: BlobPlace): Promise<DraftsWorld> {
  const store = await openStore();
  const folder = await mkdtemp(join(tmpdir(), "sealpost-drafts-"));
  const made = await embeddedMailbox(store, { bodies, bodiesFolder: folder });
  return {
    ...made,
    folder,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** A text that is being written. */
export function written(text: string): { readonly message: Uint8Array } {
  const header = "From: bob@beta.test\r\nTo: alice@alpha.test\r\nBcc: carol@alpha.test\r\n";
  const subject = `Subject: ${text} as subject\r\nMessage-ID: <draft@beta.test>\r\n`;
  return { message: Buffer.from(`${header}${subject}\r\n${text} as text\r\n`) };
}

/** Saves a text that is to be taken. */
export async function saved(open: Drafts, ...given: Parameters<Drafts["save"]>): Promise<Replaced> {
  const { kind, ...draft } = await open.save(...given);
  assert.equal(kind, "saved");
  return draft as Replaced;
}

/** Attaches a file that is to be taken. */
export async function attached(
  open: Drafts,
  id: MessageId,
  octets: Uint8Array,
  name = "a.pdf",
): Promise<DraftAttachment> {
  const result = await open.attach(id, { name, contentType: "application/pdf", octets });
  assert(result.kind === "attached", result.kind);
  return result.attachment;
}
