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
  selectOtherBodies,
} from "../../store/mailbox/converting.ts";
import { selectOfBlob, selectUnderOthers } from "../../store/mailbox/listing.ts";
import type { MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { Conversion, ConversionWish, LeftMail } from "../conversion.ts";
import type { MessageId } from "../mailbox.ts";
import { convertIndex } from "../search/converting.ts";
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
  const named: LeftMail[] = [];
  let [bodies, left, done, after] = [0, 0, 0, ""];
  for (;;) {
    const blobs = await selectOtherBodies(deps.store, account, { key, after, limit: MAX_AT_ONCE });
    if (blobs.length === 0) break;
    for (const blob of blobs) {
      if (signal?.aborted === true) return { bodies, left, named };
      const outcome = await convertBody(deps, at, blob);
      if (outcome.kind === "converted") bodies += 1;
      else if (outcome.kind === "left") {
        left += outcome.mail.length;
        named.push(...outcome.mail.slice(0, MAX_LEFT - named.length));
      }
      done += 1;
      after = blob;
      progress?.(done, Math.max(all, done));
    }
  }
  return { bodies, left, named };
}

type BodyOutcome =
  | { readonly kind: "converted" | "present" }
  | { readonly kind: "left"; readonly mail: readonly LeftMail[] };

async function convertBody(deps: EmbeddedDeps, at: Open, blob: string): Promise<BodyOutcome> {
  const rows = await selectOfBlob(deps.store, at.account, blob);
  const [first] = rows;
  if (first === undefined) return { kind: "present" };
  const body = await readOr(deps, blob);
  // Deleted meanwhile, or another process has converted it.
  if (body === undefined) return { kind: "present" };
  if (body === "missing") return leftBy(rows, "missing");
  const { form, state } = await entryOf(deps, first, undefined);
  const made = await bodyForPresent(deps, at, { form, state, body });
  switch (made.kind) {
    case "present":
      await markBody(deps.store, blob, at.present.fingerprint);
      return made;
    case "converted":
      return store(deps, at, { blob, rows, by: await deps.blobs.put(made.octets) });
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
  o: { readonly blob: string; readonly rows: readonly MailboxRow[]; readonly by: PutBlob },
): Promise<BodyOutcome> {
  const { blob, by } = o;
  for (let { rows } = o; ; rows = await selectOfBlob(deps.store, at.account, blob)) {
    const summaries = await summariesFor(deps, at, rows, by.id);
    const isOpen = summaries !== undefined && rows.length > 0;
    const gone = isOpen
      ? await replaceBody(deps.store, at.account, {
          blob,
          by,
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

/** The summaries of messages, bound to another blob; undefined when one of them does not open. */
async function summariesFor(
  deps: Pick<EmbeddedDeps, "decrypt">,
  { keys }: Open,
  rows: readonly MailboxRow[],
  blob: string,
) {
  const bound: { readonly row: MailboxRow; readonly summary: Uint8Array }[] = [];
  for (const row of rows) {
    const summary = await summaryIn(deps, row, keys);
    if (summary === undefined) return undefined;
    bound.push({ row, summary: wrapSummary(keys, blob, summary).octets });
  }
  return bound;
}

function leftBy(rows: readonly MailboxRow[], because: LeftMail["because"]): BodyOutcome {
  return { kind: "left", mail: rows.map(({ id }) => ({ id: id as MessageId, because })) };
}
