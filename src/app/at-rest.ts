/** Which key an account's mail is encrypted to at rest. */
import type { Octets } from "../base/large-octets.ts";
import type { Clock } from "../base/time.ts";
import type { ToStore } from "../mailbox/embedded/stored-form.ts";
import { NoMailboxKey } from "../mailbox/no-mailbox-key.ts";
import { type Certificate, parseCertificates } from "../openpgp/certificates/certificate.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { listPublishedOf } from "../store/keys/certificates.ts";
import { readAtRestCertificate } from "../store/keys/mailbox-certificates.ts";
import type { Store } from "../store/store.ts";
import type { Account } from "../words/account.ts";
import type { CryptoPool } from "./crypto-pool.ts";

type Deps = { readonly store: Store; readonly clock: Clock };

/**
 * Encrypts to the mailbox's own key, or to the account's active or newest one, expired or not.
 * @throws NoMailboxKey when the account has had none yet.
 */
export async function wrapFor(
  deps: Deps & Partial<Pick<CryptoPool, "encryptAtRest">>,
  account: Pick<Account, "id" | "address">,
  data: Octets,
): Promise<Uint8Array> {
  const recipients = await keysOf(deps.store, account);
  const request = { data, recipients, now: deps.clock.now(), isOwn: true };
  return (deps.encryptAtRest ?? encryptAtRest)(request);
}

/** The same for a message, as the body of its row. */
export async function bodyFor(
  { store, clock, messageWork }: Deps & Pick<CryptoPool, "messageWork">,
  account: Pick<Account, "id" | "address">,
  message: ToStore,
): Promise<readonly Uint8Array[]> {
  const recipients = await keysOf(store, account);
  return messageWork.bodyOfRow({ ...message, recipients, now: clock.now() });
}

async function keysOf(
  store: Store,
  account: Pick<Account, "id" | "address">,
): Promise<readonly Certificate[]> {
  const bytes = await certificateBytes(store, account);
  const parsed = bytes === undefined ? undefined : await parseCertificates(bytes);
  if (parsed?.kind === "parsed") return parsed.certificates;
  throw new NoMailboxKey();
}

async function certificateBytes(
  store: Store,
  { id, address }: Pick<Account, "id" | "address">,
): Promise<Uint8Array | undefined> {
  const active = await readAtRestCertificate(store, id, address);
  if (active !== undefined) return active;
  // Its own alone: to a key of somebody who had the address before, mail would be lost.
  const own = await listPublishedOf(store, id);
  return (own.find(({ state }) => state === "active") ?? own[0])?.bytes;
}
