import { type Selectable, sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import { type Octets, octetsIn } from "../../base/large-octets.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import { deleteJob } from "../jobs/jobs.ts";
import { countedFrom, countNewMessage, uncountMessage } from "./mailbox-use.ts";
import { compiled, picked } from "../engine/compiled.ts";
import { insertPieces, readPieces, rowPart, untilWhole } from "../engine/pieces.ts";
import { textOrNone, wordFrom } from "../engine/row.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";
import { verdictFrom, verdictText, type MessageVerdict } from "./verdict.ts";
import type { AccountId } from "../../words/account.ts";

/** `pending` waits for its reader's key or for its author's keyserver; `done` has its verdict. */
export type MessageState = "pending" | "done";

/** What the stored body is: a sealed message, or any other encrypted at rest. */
export type MessageForm = "sealed" | "wrapped";

/** A message as the table holds it; an empty summary means that there is none. */
export type MessageRow = {
  readonly id: string;
  readonly account: AccountId;
  readonly state: MessageState;
  readonly form: MessageForm;
  readonly body: Uint8Array;
  readonly summary: Uint8Array;
  readonly outerFrom: string;
  readonly messageId: string | undefined;
  readonly envelopeId: string;
  readonly contentHash: Uint8Array;
  readonly sizeBytes: number;
  readonly receivedAt: Date;
  readonly verdict: MessageVerdict;
};

/** The same before it is stored. */
export type NewMessageRow = Omit<MessageRow, "body"> & { readonly body: Octets };

const STATES: readonly MessageState[] = ["pending", "done"];
const FORMS: readonly MessageForm[] = ["sealed", "wrapped"];
/** Where large bodies are. */
export const BODY = { table: "message_pieces" } as const;

const COLUMNS_WITHOUT_BODY = [
  "id",
  "state",
  "form",
  "summary",
  "outer_from",
  "message_id",
  "envelope_id",
  "content_hash",
  "size_bytes",
  "received_at",
  "verdict",
] as const;

/**
 * Stores a message once: the ID of the row that is there afterwards, old or new. Undefined, and nothing is stored: the
 * account was closed or erased since it was looked up, and what is stored for it would be lost.
 */
export async function insertMessage(
  store: Store,
  message: NewMessageRow,
): Promise<{ readonly id: string; readonly isNew: boolean } | undefined> {
  return store.transaction(async (tx) => {
    if ((await holdAccount(tx, message.account)) !== "open") return undefined;
    const { inRow, pieces } = rowPart(message.body);
    const { state } = message;
    const storedBytes = octetsIn(message.body) + message.summary.length;
    const added = await insertRow(tx, {
      id: message.id,
      account: message.account,
      state,
      form: message.form,
      body: inRow,
      pieces,
      summary: message.summary,
      outer_from: message.outerFrom,
      message_id: message.messageId ?? "",
      envelope_id: message.envelopeId,
      content_hash: message.contentHash,
      size_bytes: message.sizeBytes,
      stored_bytes: storedBytes,
      received_at: message.receivedAt.getTime(),
      result_state: message.verdict.state,
      verdict: verdictText(message.verdict),
    }).executeTakeFirst();
    if (added !== undefined) {
      await insertPieces(tx, { ...BODY, owner: added.id, name: pieces }, message.body);
      await countNewMessage(tx, message.account, { isPending: state === "pending", storedBytes });
      return { id: added.id, isNew: true };
    }
    const { account, contentHash, envelopeId } = message;
    const id = await findMessage(tx, account, contentHash, envelopeId);
    return { id: id ?? message.id, isNew: false };
  });
}

const insertRow = compiled((db, row: Selectable<Schema["messages"]>) =>
  db
    .insertInto("messages")
    .values(
      picked(row, [
        ...COLUMNS_WITHOUT_BODY,
        "account",
        "body",
        "pieces",
        "stored_bytes",
        "result_state",
      ]),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning("id"),
);

/** Deletes a message with all that is kept of its opening, in the transaction that holds it. */
export async function deleteMessage(tx: Store, account: AccountId, id: string): Promise<void> {
  const deleted = await tx.db
    .deleteFrom("messages")
    .where("id", "=", id)
    .where("account", "=", account)
    .returning(["state", "stored_bytes"])
    .executeTakeFirst();
  if (deleted === undefined) return;
  await deleteJob(tx, { kind: "opening", subject: id });
  await uncountMessage(tx, account, countedFrom(deleted));
}

/** The ID of the message that came with this content and envelope, if it was stored. */
async function findMessage(
  store: Store,
  account: AccountId,
  contentHash: Uint8Array,
  envelopeId: string,
): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("messages")
    .select("id")
    .where("account", "=", account)
    .where("content_hash", "=", contentHash)
    .where("envelope_id", "=", envelopeId)
    .executeTakeFirst();
  return row?.id;
}

/** The messages of an account without their bodies, the newest first. */
export async function selectMessages(
  store: Store,
  account: AccountId,
  limit: number,
): Promise<readonly Omit<MessageRow, "body">[]> {
  const rows = await store.db
    .selectFrom("messages")
    .select(COLUMNS_WITHOUT_BODY)
    .where("account", "=", account)
    .orderBy("received_at", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => fromRow(row, account));
}

/** The pending messages of an account without their bodies, in the order in which they came. */
export async function selectWaiting(
  store: Store,
  account: AccountId,
): Promise<readonly Omit<MessageRow, "body">[]> {
  const rows = await store.db
    .selectFrom("messages")
    .select(COLUMNS_WITHOUT_BODY)
    .where("account", "=", account)
    .where("state", "=", sql.lit("pending"))
    .orderBy("received_at")
    .orderBy("id")
    .execute();
  return rows.map((row) => fromRow(row, account));
}

/** One message of this account; of another's nothing is found. */
export async function selectMessage(
  store: Store,
  account: AccountId,
  id: string,
): Promise<MessageRow | undefined> {
  const row = async () => selectOne(store, { account, id }).executeTakeFirst();
  return untilWhole(row, async (found) => {
    const { pieces: name } = found;
    const body = name === "" ? found.body : await readPieces(store, { ...BODY, owner: id, name });
    return body && { ...fromRow(found, account), body };
  });
}

const selectOne = compiled(
  (db, { account, id }: { readonly account: string; readonly id: string }) =>
    db
      .selectFrom("messages")
      .select([...COLUMNS_WITHOUT_BODY, "body", "pieces"])
      .where("id", "=", id)
      .where("account", "=", account),
);

/** True when one of these messages (by Message-ID) came to the account sealed. */
export async function hasSealedMessage(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<boolean> {
  if (messageIds.length === 0) return false;
  const row = await store.db
    .selectFrom("messages")
    .select("id")
    .where("account", "=", account)
    .where("message_id", "in", messageIds)
    .where("form", "=", sql.lit("sealed"))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

type RowWithoutBody = Pick<Selectable<Schema["messages"]>, (typeof COLUMNS_WITHOUT_BODY)[number]>;

function fromRow(row: RowWithoutBody, account: AccountId): Omit<MessageRow, "body"> {
  return {
    id: row.id,
    account,
    state: wordFrom(STATES, row.state),
    form: wordFrom(FORMS, row.form),
    summary: row.summary,
    outerFrom: row.outer_from,
    messageId: textOrNone(row.message_id),
    envelopeId: row.envelope_id,
    contentHash: row.content_hash,
    sizeBytes: row.size_bytes,
    receivedAt: fromUnixMs(row.received_at),
    verdict: verdictFrom(row.verdict),
  };
}
