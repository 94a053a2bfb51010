/**
 * Tags stand for addresses and Message-IDs in rows that must not name them: addresses of erased accounts, wrong passwords,
 * stored messages. A tag is an HMAC-SHA256 under a random key that an installation makes once. The key is stored here, wrapped under the service
 * key: whoever has the database alone can test no address against a tag. A rotation of the service key moves the tag key.
 */
import { createHmac, createSecretKey, randomBytes } from "node:crypto";

import { AppError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { WrappedTagKey } from "../engine/secrets.ts";
import type { Store } from "../store.ts";

/** What a tag is for: tags of one address for different purposes tell nothing about each other. */
export type TagPurpose = "reserved" | "attempt" | "message" | "delivery";

const KEY_BYTES = 32;
/** The one row of `tag_key`. */
const ONLY = 1;

/**
 * The tag that is written for an address, with what the purpose adds to it. The first one makes the key.
 * @throws AppError when no service key that is here opens the tag key.
 */
export async function makeTag(store: Store, purpose: TagPurpose, address: string): Promise<string> {
  const [tag = ""] = await makeTags(store, [[purpose, address]]);
  return tag;
}

/** Makes many tags after the key was opened once. @throws AppError as `makeTag`. */
export async function makeTags(
  store: Store,
  wanted: readonly (readonly [purpose: TagPurpose, text: string])[],
): Promise<readonly string[]> {
  const row = (await readTagKey(store)) ?? (await insertTagKey(store));
  using key = keysOf(store).open(row);
  if (key === undefined) throw noneOpens();
  return wanted.map(([purpose, text]) => tagUnder(key, purpose, text));
}

/**
 * The tag that rows about an address have. Undefined when there is no key yet, and when an operator said that the service
 * key is lost and nobody replaced the tag key yet.
 * @throws AppError as `makeTag`.
 */
export async function findTag(
  store: Store,
  purpose: TagPurpose,
  address: string,
): Promise<string | undefined> {
  const row = await readTagKey(store);
  const keys = keysOf(store);
  if (row === undefined) return undefined;
  using key = keys.open(row);
  if (key !== undefined) return tagUnder(key, purpose, address);
  if (keys.isFormerKeyLost) return undefined;
  throw noneOpens();
}

/**
 * Makes the key where there is none. Where an operator said that the service key is lost, a new one replaces one that nothing
 * opens; true then.
 */
export async function beginTagKey(store: Store): Promise<boolean> {
  const row = await readTagKey(store);
  const keys = keysOf(store);
  if (row === undefined) {
    await insertTagKey(store);
    return false;
  }
  using key = keys.open(row);
  if (key !== undefined || !keys.isFormerKeyLost) return false;
  return replaceTagKey(store, row, newKey(store));
}

/** Wraps the key under the service key in force. Says how many rows no key opens: 0 or 1. */
export async function moveTagKey(store: Store): Promise<number> {
  const row = await readTagKey(store);
  const keys = keysOf(store);
  if (row === undefined || row.serviceKey === keys.serviceKey()) return 0;
  using key = keys.open(row);
  if (key === undefined) return 1;
  await replaceTagKey(store, row, keys.wrap(key));
  return 0;
}

async function readTagKey(store: Store): Promise<WrappedTagKey | undefined> {
  const row = await store.db
    .selectFrom("tag_key")
    .select(["service_key", "wrapped"])
    .where("id", "=", ONLY)
    .executeTakeFirst();
  return row && { serviceKey: row.service_key, wrapped: row.wrapped };
}

/** Of two who make the first key at once one does, and both use that. */
async function insertTagKey(store: Store): Promise<WrappedTagKey> {
  const { serviceKey, wrapped } = newKey(store);
  await store.db
    .insertInto("tag_key")
    .values({ id: ONLY, service_key: serviceKey, wrapped })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await readTagKey(store)) ?? { serviceKey, wrapped };
}

/** False when somebody else replaced the row meanwhile. */
async function replaceTagKey(
  store: Store,
  read: WrappedTagKey,
  next: WrappedTagKey,
): Promise<boolean> {
  const row = await store.db
    .updateTable("tag_key")
    .set({ service_key: next.serviceKey, wrapped: next.wrapped })
    .where("id", "=", ONLY)
    .where("service_key", "=", read.serviceKey)
    .where("wrapped", "=", read.wrapped)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

function newKey(store: Store): WrappedTagKey {
  using key = new Secret(randomBytes(KEY_BYTES));
  return keysOf(store).wrap(key);
}

function keysOf({ tagKeys }: Store): NonNullable<Store["tagKeys"]> {
  if (tagKeys !== undefined) return tagKeys;
  throw new Error("a process without the service key neither makes nor finds tags");
}

function noneOpens(): AppError {
  return new AppError(
    "no service key of this host opens the key of tags: copy the service key, and its .former file, " +
      "from the host that rotated it; if the service key is lost, see docs/operate/keys.md",
    { temporary: true },
  );
}

/** No purpose has a NUL. */
function tagUnder(key: Secret, purpose: TagPurpose, address: string): string {
  return createHmac("sha256", createSecretKey(key.reveal()))
    .update(`${purpose}\0${address}`)
    .digest("hex");
}
