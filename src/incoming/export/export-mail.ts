/**
 * Mail that its owner takes along: all of it or a folder, in clear, as files that other programs read. Each message is written once,
 * in the folder where it is when the export begins, the oldest first. Mail that waits is opened first, and what still waits is written
 * with the inbox. The audit log says by whom and how many before the first octet is written. An export that was interrupted is begun
 * again with the same words, and writes what is missing.
 */
import type { Clock } from "../../base/time.ts";
import { appendAudit } from "../../journal/journal.ts";
import {
  openExportFolder,
  type ExportFormat,
  type TargetTaken,
} from "../../mailbox/files/export-folder.ts";
import type { ExportTarget } from "../../mailbox/files/export-target.ts";
import { standardName } from "../../mailbox/files/folder-names.ts";
import { openMaildir } from "../../mailbox/files/maildir-target.ts";
import { openMboxFiles } from "../../mailbox/files/mbox-target.ts";
import { folderNamed } from "../../mailbox/folder-named.ts";
import { standardFolder, type Cursor, type Folder, type Mailbox } from "../../mailbox/mailbox.ts";
import { walkWaiting } from "../../spool/waiting-list.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { Reader } from "../audited-reading.ts";
import { openPending } from "../pending.ts";
import { isOpen, type ReadingDeps } from "../reading.ts";
import { exportedForm, type ExportedForm, type ExportFrom } from "./exported-form.ts";

export type ExportDeps = ReadingDeps & { readonly clock: Clock; readonly hostname: string };

/** `folder`: its ID, its word or its name; all of them where it is undefined. `path`: a folder that is made. */
export type ExportWish = {
  readonly folder: string | undefined;
  readonly format: ExportFormat;
  readonly path: string;
  /** Told after each message how many of how many are written. */
  readonly progress: (written: number, of: number) => void;
};

/** What was written. Messages that did not open are counted by their state; of `closed` ones not even the octets opened. */
export type ExportReport = {
  readonly written: number;
  readonly there: number;
  readonly asReceived: ReadonlyMap<string, number>;
  readonly closed: readonly { readonly id: string; readonly state: string }[];
};

export type MailExport =
  | ({ readonly kind: "exported" } & ExportReport)
  | { readonly kind: "mailbox-closed" }
  | { readonly kind: "no-folder"; readonly name: string }
  | TargetTaken;

/** One message for other programs; or why there is none. */
export type MessageExport =
  | { readonly kind: "exported"; readonly form: Exclude<ExportedForm, { kind: "closed" }> }
  | { readonly kind: "mailbox-closed" }
  | { readonly kind: "no-message"; readonly id: string };

/** Writes a mailbox, or a folder of it, into files. */
export async function exportMailFor(
  deps: ExportDeps,
  reader: Reader,
  wish: ExportWish,
): Promise<MailExport> {
  return withKeys(deps, reader, async (keys) => {
    const mailbox = deps.mailboxOf(deps.store, reader.account, keys);
    const folders = await foldersMeant(mailbox, wish.folder);
    if (folders === undefined) return { kind: "no-folder", name: wish.folder ?? "" };
    const { id: account, address } = reader.account;
    const { format, path } = wish;
    const place = await openExportFolder(path, { account, format });
    if (place.kind !== "open") return place;
    await using _place = place;
    const opened = await (format === "mbox" ? openMboxFiles(path) : openMaildir(path));
    if ("kind" in opened) return opened;
    await using target = opened;
    const plan = await planOf(deps, reader, mailbox, folders);
    const all = plan.flatMap(({ ids }) => ids);
    const missing = all.filter((id) => !target.has(id));
    await auditExport(deps, reader, missing.length);
    const from = { account, address, keys, hostname: deps.hostname };
    const report = await writeAll(deps, from, { plan, target, wish, total: missing.length });
    return { kind: "exported", ...report, there: all.length - missing.length };
  });
}

/** One message, as `exportMailFor` would write it, with CRLF. */
export async function exportMessageFor(
  deps: ExportDeps,
  reader: Reader,
  id: string,
): Promise<MessageExport> {
  return withKeys(deps, reader, async (keys) => {
    const { id: account, address } = reader.account;
    const from = { account, address, keys, hostname: deps.hostname };
    const form = await exportedForm(deps, from, id);
    if (form === undefined) return { kind: "no-message", id };
    if (form.kind === "closed") return { kind: "mailbox-closed" };
    await auditExport(deps, reader, 1);
    return { kind: "exported", form };
  });
}

async function withKeys<Outcome>(
  deps: ExportDeps,
  { account, keys }: Reader,
  work: (keys: UnlockedKeys) => Promise<Outcome>,
): Promise<Outcome | { readonly kind: "mailbox-closed" }> {
  using own = keys === undefined ? await deps.unlockWithService(account.id) : undefined;
  const open = keys ?? own;
  if (open === undefined || !isOpen(open)) return { kind: "mailbox-closed" };
  await openPending(deps, account.id, open);
  return await work(open);
}

async function foldersMeant(
  mailbox: Mailbox,
  given: string | undefined,
): Promise<readonly Folder[] | undefined> {
  const all = await mailbox.folders();
  if (given === undefined) return all;
  const folder = folderNamed(all, given);
  return folder && [folder];
}

/** `by`: whose access it was. An owner's own export is in the log too: all their mail leaves in clear. */
async function auditExport(
  { store, clock }: ExportDeps,
  { account, keys }: Reader,
  messages: number,
): Promise<void> {
  const detail = { by: keys === undefined ? "provider" : "owner", messages };
  await appendAudit(store, {
    at: clock.now(),
    action: "mail.exported",
    account: account.id,
    detail,
  });
}

type Planned = { readonly folder: Folder; readonly name: string; readonly ids: readonly string[] };

async function planOf(
  { store }: ExportDeps,
  { account }: Reader,
  mailbox: Mailbox,
  folders: readonly Folder[],
): Promise<readonly Planned[]> {
  const plan: Planned[] = [];
  for (const folder of folders) {
    const ids = await idsIn(mailbox, folder);
    if (folder.id === standardFolder("inbox")) {
      for await (const { id } of walkWaiting(store, account.id)) ids.push(id);
    }
    const name = folder.standard === undefined ? folder.name : standardName(folder.standard);
    // A name that does not open is no reason to leave the mail behind.
    plan.push({ folder, name: name ?? folder.id, ids });
  }
  return plan;
}

const PAGE = 200;

/** The oldest first. */
async function idsIn(mailbox: Mailbox, { id }: Folder): Promise<string[]> {
  const ids: string[] = [];
  let after: Cursor | undefined;
  do {
    const page = await mailbox.list(id, { after, limit: PAGE });
    ids.push(...page.entries.map((entry) => entry.id));
    after = page.next;
  } while (after !== undefined);
  return ids.toReversed();
}

async function writeAll(
  deps: ExportDeps,
  from: ExportFrom,
  o: {
    readonly plan: readonly Planned[];
    readonly target: ExportTarget;
    readonly wish: ExportWish;
    readonly total: number;
  },
): Promise<Omit<ExportReport, "there">> {
  const { plan, target, wish, total } = o;
  let written = 0;
  const asReceived = new Map<string, number>();
  const closed: { id: string; state: string }[] = [];
  for (const { folder, name, ids } of plan) {
    await target.beginFolder(name);
    // A message that left the queue while its page was read stands in both lists.
    for (const id of new Set(ids)) {
      if (target.has(id)) continue;
      const form = await exportedForm(deps, from, id);
      if (form === undefined) continue;
      const { state, flags, keywords, receivedAt } = form.entry;
      if (form.kind === "closed") {
        closed.push({ id, state });
        continue;
      }
      if (form.kind === "as-received") asReceived.set(state, (asReceived.get(state) ?? 0) + 1);
      const isDraft = folder.standard === "drafts";
      await target.write({ id, message: form.message, receivedAt, flags, keywords, isDraft });
      written += 1;
      wish.progress(written, total);
    }
  }
  await target.finish();
  return { written, asReceived, closed };
}
