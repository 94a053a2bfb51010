/** Mail that is imported in tests, and what a mailbox has then as its reader is shown it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";

import { showMail } from "../../src/incoming/reading.ts";
import {
  importMailFor,
  type ImportDeps,
  type ImportReport,
} from "../../src/incoming/import/import-mail.ts";
import type { MailFilesWorld } from "./mail-files-world.ts";

export const HEAD =
  "From: a@alpha.test\r\nTo: bob@beta.test\r\nContent-Type: text/plain; charset=utf-8\r\n";
export const PLENTY = { mailboxBytes: 1e9, pendingBytes: 1e9 };

/** Gives new paths in a folder that is there while the tests of a file run. */
export function newPlaces(prefix: string): () => string {
  let folder = "";
  let count = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), prefix));
  });
  after(async () => rm(folder, { recursive: true }));
  return () => {
    count += 1;
    return join(folder, String(count));
  };
}

export type Wish = {
  readonly folder?: string;
  readonly progress?: (messages: number) => void;
} & Partial<Pick<ImportDeps, "quota" | "maxBytes">>;

export async function importFrom(
  { deps, account, keys }: MailFilesWorld,
  path: string,
  wish: Wish = {},
): Promise<ImportReport> {
  const { quota = PLENTY, maxBytes = 1_000_000, progress = () => undefined } = wish;
  const done = await importMailFor(
    { ...deps, quota, maxBytes },
    { account, keys },
    { path, folder: wish.folder, progress },
  );
  assert(done.kind === "imported", done.kind);
  return done;
}

export type Kept = {
  readonly folder: string;
  readonly subject: string;
  readonly flags: string;
  readonly keywords: readonly string[];
  readonly body: string;
  readonly said: string;
  readonly receivedAt: Date;
};

/** All that a mailbox has, as its reader is shown it. */
export async function all({
  deps,
  mailbox,
  keys,
  account,
}: MailFilesWorld): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for (const { id, standard, name } of await mailbox.folders()) {
    const { entries } = await mailbox.list(id, { limit: 200 });
    for (const { id: one, flags, receivedAt, summary } of entries) {
      const shown = await showMail(deps, { account: account.id, id: one, keys });
      assert(shown && summary);
      const text = Buffer.from(shown.message).toString();
      kept.push({
        folder: standard ?? name ?? "",
        subject: summary.subject,
        flags: flags.toSorted().join(" "),
        keywords: summary.keywords,
        body: text.slice(text.indexOf("\r\n\r\n") + 4),
        said: [shown.state, ...shown.warnings].join(" "),
        receivedAt,
      });
    }
  }
  return kept.toSorted((a, b) => (a.folder + a.subject < b.folder + b.subject ? -1 : 1));
}

export const clear = (subject: string, body: string): string =>
  `${HEAD}Subject: ${subject}\r\n\r\n${body}`;
