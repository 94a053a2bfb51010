/**
 * Takes a mailbox under the key pair that is in force, on its reader's request: after they chose another pair for it, or got new
 * keys. Message after message changes in a transaction of its own, together with its summary, so that it may be interrupted at
 * any time and done again: what is done already is passed over. A message that cannot be converted stays as it is.
 */
import { AppError } from "../../base/errors.ts";
import { discardBlob } from "../../blobs/blobs.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import type { PutBlob } from "../../store/mail/blobs.ts";
import {
  countOtherBodies,
  markBody,
  replaceBody,
  selectHolders,
  selectOtherBodies,
  type OtherBody,
} from "../../store/mailbox/converting.ts";
import { selectUnderOthers } from "../../store/mailbox/listing.ts";
import type { MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { Conversion, ConversionWish, LeftMail } from "../conversion.ts";
import { DRAFT } from "../drafts/drafts.ts";
import type { MessageId } from "../mailbox.ts";
import { convertIndex } from "../search/converting.ts";
import type { Summary } from "../summary.ts";
import { versionOf } from "./draft-rows.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { entryOf, summaryIn, wrapSummary } from "./entries.ts";
import { foldIn, wrapAnew } from "./fold-in.ts";
import { convertNames, type At } from "./folders.ts";
import type { MailboxKeys } from "./mailbox-keys.ts";
import { bodyForPresent } from "./present-body.ts";

/** Maximum number of bodies whose names are read at once. */
const MAX_AT_ONCE = 100;
/** Maximum number of messages that are named because they stay as they are. */
const MAX_LEFT = 100;

type Open = At & { readonly keys: MailboxKeys; readonly present: UnlockedKey };

/** Converts all that the keys open. Ends early when the signal says so. */
export async function convertMailbox(
  deps: EmbeddedDeps,
  { account, keys }: At,
  wish: ConversionWish = {},
): Promise<Conversion> {
  const { present } = keys ?? {};
  if (keys === undefined || present === undefined) return { kind: "closed" };
  const at = { account, keys, present };
  const { store } = deps;
  const ending = { signal: wish.signal };
  await foldIn(deps, at, ending);
  const converted = await convertBodies(deps, at, wish);
  const key = present.fingerprint;
  const select = async (page: { readonly after: number; readonly limit: number }) =>
    selectUnderOthers(store, account, { key, ...page });
  await wrapAnew(deps, at, select, ending);
  await convertNames(store, at);
  await convertIndex({ store, account, keys }, key, wish.signal);
  return { kind: "converted", ...converted };
}

async function convertBodies(
  deps: EmbeddedDeps,
  at: Open,
  { signal, progress }: ConversionWish,
): Promise<Omit<Extract<Conversion, { kind: "converted" }>, "kind">> {
  const { account, present } = at;
  const key = present.fingerprint;
  const all = await countOtherBodies(deps.store, account, key);
  // A draft may stay for more than one reason: its text, and what is attached to it.
  const left = new Map<MessageId, LeftMail["because"]>();
  let [bodies, done, after] = [0, 0, ""];
  for (;;) {
    const blobs = await selectOtherBodies(deps.store, account, { key, after, limit: MAX_AT_ONCE });
    if (blobs.length === 0) break;
    for (const blob of blobs) {
      if (signal?.aborted === true) return { bodies, ...named(left) };
      const outcome = await convertBody(deps, at, blob);
      if (outcome.kind === "converted") bodies += 1;
      else if (outcome.kind === "left") {
        for (const { id, because } of outcome.mail) left.set(id, because);
      }
      done += 1;
      after = blob;
      progress?.(done, Math.max(all, done));
    }
  }
  return { bodies, ...named(left) };
}

function named(
  all: ReadonlyMap<MessageId, LeftMail["because"]>,
): Pick<Extract<Conversion, { kind: "converted" }>, "left" | "named"> {
  const some = [...all].slice(0, MAX_LEFT);
  return { left: all.size, named: some.map(([id, because]) => ({ id, because })) };
}

type BodyOutcome =
  | { readonly kind: "converted" | "present" }
  | { readonly kind: "left"; readonly mail: readonly LeftMail[] };

async function convertBody(deps: EmbeddedDeps, at: Open, blob: string): Promise<BodyOutcome> {
  const holders = await selectHolders(deps.store, at.account, blob);
  const { is, rows } = holders;
  const [first] = rows;
  if (first === undefined) return { kind: "present" };
  const body = await readOr(deps, blob);
  // Deleted meanwhile, or another process has converted it.
  if (body === undefined) return { kind: "present" };
  if (body === "missing") return leftBy(rows, "missing");
  const { form, state } =
    is === "body"
      ? await entryOf(deps, first, undefined)
      : ({ form: "clear", state: DRAFT } as const);
  const made = await bodyForPresent(deps, at, { form, state, body });
  switch (made.kind) {
    case "present":
      await markBody(deps.store, blob, at.present.fingerprint);
      return made;
    case "converted":
      return store(deps, at, { blob, holders, by: await deps.blobs.put(made.octets) });
    case "closed":
    case "unreadable":
      return leftBy(rows, made.kind);
  }
}

async function readOr(
  { blobs }: Pick<EmbeddedDeps, "blobs">,
  blob: string,
): Promise<Uint8Array | "missing" | undefined> {
  try {
    return await blobs.read(blob);
  } catch (error) {
    if (error instanceof AppError) return "missing";
    throw error;
  }
}

/** Stores the new body with the summaries of its messages; whoever changed one meanwhile is heard first. */
async function store(
  deps: EmbeddedDeps,
  at: Open,
  o: { readonly blob: string; readonly holders: Holders; readonly by: PutBlob },
): Promise<BodyOutcome> {
  const { blob, by } = o;
  for (let { holders } = o; ; holders = await selectHolders(deps.store, at.account, blob)) {
    const { is, rows } = holders;
    const summaries = await summariesFor(deps, at, holders, { blob, by: by.id });
    const isOpen = summaries !== undefined && rows.length > 0;
    const gone = isOpen
      ? await replaceBody(deps.store, at.account, {
          blob,
          by,
          is,
          key: at.present.fingerprint,
          rows: summaries,
        })
      : undefined;
    if (gone !== undefined) {
      await deps.blobs.remove(gone);
      return { kind: "converted" };
    }
    if (isOpen) continue;
    await discardBlob(deps, by);
    return rows.length === 0 ? { kind: "present" } : leftBy(rows, "closed");
  }
}

type Holders = Awaited<ReturnType<typeof selectHolders>>;

/** The summaries of messages for another blob; undefined when one of them does not open. */
async function summariesFor(
  deps: Pick<EmbeddedDeps, "decrypt">,
  { keys }: Open,
  { is, rows }: Holders,
  { blob, by }: { readonly blob: string; readonly by: string },
): Promise<OtherBody["rows"] | undefined> {
  const bound: OtherBody["rows"][number][] = [];
  for (const row of rows) {
    const summary = await summaryIn(deps, row, keys);
    if (summary === undefined) return undefined;
    const version = row.state === DRAFT ? versionOf(row) : "";
    const other = is === "body" ? summary : withAttachment(summary, blob, by);
    const { octets } = wrapSummary(keys, is === "body" ? by : row.blob, other);
    bound.push({ row, summary: octets, version });
  }
  return bound;
}

/** The summary of a draft whose attachment has its octets in another blob. */
function withAttachment(summary: Summary, blob: string, by: string): Summary {
  const attachments = summary.attachments.map((one) =>
    one.stored?.blob === blob ? { ...one, stored: { ...one.stored, blob: by } } : one,
  );
  return { ...summary, attachments };
}

function leftBy(rows: readonly MailboxRow[], because: LeftMail["because"]): BodyOutcome {
  return { kind: "left", mail: rows.map(({ id }) => ({ id: id as MessageId, because })) };
}
