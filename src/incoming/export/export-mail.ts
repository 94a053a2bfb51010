/**
 * Mail that its owner takes along: all of it or a folder, in clear, as files that other programs read. Each message is written once,
 * in the folder where it is when the export begins, the oldest first. What comes or is moved meanwhile is written at the end. Mail that waits is opened first, and what still waits is written
 * with the inbox. The audit log says by whom and how many before the first octet is written. An export that was interrupted is begun
 * again with the same words, and writes what is missing.
 */
import { addOne } from "../../base/counts.ts";
import { AppError, MissingOctets } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import { appendAudit } from "../../journal/journal.ts";
import {
  openExportFolder,
  type ExportFormat,
  type TargetTaken,
} from "../../mailbox/files/export-folder.ts";
import type { ExportTarget } from "../../mailbox/files/export-target.ts";
import { openMaildir } from "../../mailbox/files/maildir-target.ts";
import { openMboxFiles } from "../../mailbox/files/mbox-target.ts";
import { folderNamed } from "../../mailbox/folder-named.ts";
import type { Folder, Mailbox } from "../../mailbox/mailbox.ts";
import { Conflict } from "../../vault/conflict.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { Reader } from "../audited-reading.ts";
import { openPending } from "../pending.ts";
import { isOpen, type ReadingDeps } from "../reading.ts";
import { planAll, planSince, type Plan } from "./export-plan.ts";
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

/** In place of a state: the octets of the message are not where they were put. */
const MISSING = "MISSING";

/**
 * What was written. Messages that did not open are counted by their state; of `closed` ones not even the octets opened, or they
 * are missing.
 */
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
    const of = { mailbox, folders: async () => foldersMeant(mailbox, wish.folder) };
    if ((await of.folders()) === undefined) return noFolder(wish);
    const { id: account, address } = reader.account;
    const { format, path } = wish;
    const place = await openExportFolder(path, { account, format });
    if (place.kind !== "open") return place;
    await using _place = place;
    const opened = await (format === "mbox" ? openMboxFiles(place) : openMaildir(place));
    if ("kind" in opened) return opened;
    await using target = opened;
    const from = { account, address, keys, hostname: deps.hostname };
    const run = new ExportRun(deps, from, target, wish);
    const first = await planAll(deps, reader, of);
    if (first === undefined) return noFolder(wish);
    const there = sizeOf(first) - run.missing(first);
    let plan: Plan | undefined = first;
    do {
      await auditExport(deps, reader, run.missing(plan));
      await run.write(plan, plan === first);
      plan = await planSince(deps, reader, of, plan.since);
    } while (plan !== undefined && run.missing(plan) > 0);
    return { kind: "exported", ...run.report(), there };
  });
}

function noFolder({ folder }: ExportWish): MailExport {
  return { kind: "no-folder", name: folder ?? "" };
}

/** How many messages a plan has. */
function sizeOf({ folders }: Plan): number {
  return new Set(folders.flatMap(({ ids }) => ids)).size;
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
  await openPending(deps, account.id, open).catch((error: unknown) => {
    // What cannot be opened now is exported as it waits.
    if (!(error instanceof AppError) || error instanceof Conflict) throw error;
  });
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

/** Writes what is planned, and then what came or was moved meanwhile, until nothing is missing. */
class ExportRun {
  readonly #deps: ExportDeps;
  readonly #from: ExportFrom;
  readonly #target: ExportTarget;
  readonly #wish: ExportWish;
  readonly #asReceived = new Map<string, number>();
  readonly #closed = new Map<string, string>();
  #written = 0;
  #total = 0;

  constructor(deps: ExportDeps, from: ExportFrom, target: ExportTarget, wish: ExportWish) {
    this.#deps = deps;
    this.#from = from;
    this.#target = target;
    this.#wish = wish;
  }

  /** How many messages of a plan are neither written nor known to be closed. */
  missing({ folders }: Plan): number {
    return new Set(folders.flatMap(({ ids }) => ids.filter((id) => this.#isMissing(id)))).size;
  }

  /** `isFirst`: a folder without messages is made as well. */
  async write(plan: Plan, isFirst: boolean): Promise<void> {
    this.#total += this.missing(plan);
    for (const { folder, name, ids } of plan.folders) {
      if (!isFirst && !ids.some((id) => this.#isMissing(id))) continue;
      await this.#target.beginFolder(name);
      for (const id of ids) if (this.#isMissing(id)) await this.#writeOne(folder, id);
    }
    await this.#target.finish();
  }

  report(): Omit<ExportReport, "there"> {
    const closed = [...this.#closed].map(([id, state]) => ({ id, state }));
    return { written: this.#written, asReceived: this.#asReceived, closed };
  }

  #isMissing(id: string): boolean {
    return !this.#target.has(id) && !this.#closed.has(id);
  }

  async #writeOne({ standard }: Folder, id: string): Promise<void> {
    const form = await exportedForm(this.#deps, this.#from, id).catch((error: unknown) => {
      if (error instanceof MissingOctets) return "missing" as const;
      throw error;
    });
    if (form === "missing") this.#closed.set(id, MISSING);
    if (form === undefined || form === "missing") return;
    const { state, flags, keywords, receivedAt } = form.entry;
    if (form.kind === "closed") {
      this.#closed.set(id, state);
      return;
    }
    if (form.kind === "as-received") addOne(this.#asReceived, state);
    const isDraft = standard === "drafts";
    const { message } = form;
    await this.#target.write({ id, message, receivedAt, flags, keywords, isDraft });
    this.#written += 1;
    this.#wish.progress(this.#written, this.#total);
  }
}
