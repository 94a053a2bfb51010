/** Stands for an account in the audit log: entries do not name it, and tell nobody who has the database alone whose they are. */
import { createHash } from "node:crypto";

import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Store } from "../store/store.ts";
import { AUDIT_TAG_HEX, findTag, keepTag, keptTag, makeTag } from "../store/tag-key.ts";

const UNKEYED_HEX = 16;

/** The tag that new entries of an account have. @throws AppError as `makeTag`. */
export async function accountTag(store: Store, address: EmailAddress): Promise<string> {
  return textOf(address, await makeTag(store, "audit", canonicalAddress(address)));
}

/**
 * The tags that entries of an account have: the one of today, and the unkeyed one of entries by former versions, which stay
 * as they are because their hashes chain them. After the loss of the service key also the one that the account's row
 * kept, as entries under a lost key count then.
 * @throws AppError as `findTag`.
 */
export async function accountTags(store: Store, address: EmailAddress): Promise<readonly string[]> {
  const name = canonicalAddress(address);
  const tag = await findTag(store, "audit", name);
  const kept = store.tagKeys?.isFormerKeyLost === true ? await keptTag(store, name) : undefined;
  return [
    ...(tag === undefined ? [] : [textOf(address, tag)]),
    ...(kept === undefined ? [] : [kept]),
    unkeyedTag(address),
  ];
}

/** Keeps the tag of an account in its row, when an entry said its generation: the loss of the key must not hide it. */
export async function keepAccountTag(store: Store, address: EmailAddress): Promise<void> {
  await keepTag(store, canonicalAddress(address), await accountTag(store, address));
}

function textOf({ domain }: EmailAddress, tag: string): string {
  return `${domain}#${tag.slice(0, AUDIT_TAG_HEX)}`;
}

/** As former versions made it: whoever knows the address makes it too. */
export function unkeyedTag(address: EmailAddress): string {
  const hash = createHash("sha256").update(canonicalAddress(address)).digest("hex");
  return `${address.domain}#${hash.slice(0, UNKEYED_HEX)}`;
}
