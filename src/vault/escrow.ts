/**
 * The organisation's own way into a user's keys, off unless it names a certificate. The master key is encrypted to that
 * OpenPGP certificate, whose secret key Sealpost never has: to use it the organisation decrypts the message with its own
 * program, wherever it keeps the key, and hands in what came out.
 */
import { randomUUID } from "node:crypto";

import { utf8 } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/journal.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import {
  findMasterKey,
  listMasterKeys,
  selectSecretKeys,
  selectSlots,
  type MasterKeyState,
  type SlotRow,
} from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { countsSlot, readBinding } from "./binding.ts";
import { MasterKey } from "./master-key.ts";
import { openKey } from "./open-keys.ts";
import type { SlotTime } from "./slots.ts";
import type { VaultDeps } from "./vault-deps.ts";

const VERSION = 1;
const FORMAT = "sealpost-escrow-1";

/** The master key under the organisation's certificate. */
export async function escrowSlot(
  masterKey: MasterKey,
  escrow: Certificate,
  { now, generation }: SlotTime,
): Promise<SlotRow> {
  const { id, owner, secret } = masterKey;
  const text = Buffer.from(secret.reveal()).toString("base64");
  const data = utf8(`${FORMAT} ${owner} ${id} ${text}\n`);
  const wrapped = await encryptAtRest({ data, recipients: [escrow], now });
  data.fill(0);
  return {
    id: randomUUID(),
    masterKey: id,
    kind: "escrow",
    version: VERSION,
    kdf: `openpgp ${escrow.fingerprint}`,
    salt: new Uint8Array(),
    wrapped,
    createdAt: now,
    serviceKey: "",
    generation,
  };
}

/** Whether the organisation has a way into the account's keys. */
export async function hasEscrow(store: Store, owner: AccountId): Promise<boolean> {
  const id = await findMasterKey(store, owner);
  return id !== undefined && (await selectSlots(store, id, "escrow")).length > 0;
}

/** The master key of an account as the organisation gets it; `since` tells one that a reset parked from another. */
export type EscrowMessage = { readonly since: Date; readonly armor: string };

/**
 * The armored messages that the organisation's key decrypts: of the master key in use at most one, of those that resets
 * parked one each, the newest first. None where the account has no escrow, or had it ended.
 */
export async function escrowMessages(
  { store }: Pick<VaultDeps, "store">,
  owner: AccountId,
  state: MasterKeyState = "current",
): Promise<readonly EscrowMessage[]> {
  const messages: EscrowMessage[] = [];
  for (const id of await listMasterKeys(store, owner, state)) {
    const [slot] = await selectSlots(store, id, "escrow");
    if (slot === undefined) continue;
    const armor = Buffer.from(armorMessage(slot.wrapped)).toString();
    messages.push({ since: slot.createdAt, armor });
  }
  return messages;
}

/** As `escrowMessages`, to be shown: the audit log says so, where there are any. */
export async function showEscrow(
  { store, clock }: Pick<VaultDeps, "store" | "clock">,
  account: AccountId,
  state: MasterKeyState,
): Promise<readonly EscrowMessage[]> {
  const messages = await escrowMessages({ store }, account, state);
  if (messages.length === 0) return messages;
  const detail = state === "former" ? { former: messages.length } : {};
  await appendAudit(store, { at: clock.now(), action: "escrow.shown", account, detail });
  return messages;
}

/**
 * The user's master key in this state from what its message decrypted to; undefined when it is another's, or the
 * organisation's way into it has ended. Anybody can encrypt to a certificate: that it opens the user's keys is what proves
 * it.
 */
export async function openWithEscrow(
  deps: VaultDeps,
  owner: AccountId,
  decrypted: Secret,
  state: MasterKeyState = "current",
): Promise<MasterKey | undefined> {
  const text = Buffer.from(decrypted.reveal()).toString("utf8").trim();
  const [format, address, id, key] = text.split(" ");
  if (format !== FORMAT || address !== owner || id === undefined) return undefined;
  if (!(await listMasterKeys(deps.store, owner, state)).includes(id)) return undefined;
  // What was decrypted before escrow ended opens nothing after it.
  const binding = await readBinding(deps.store, owner);
  const slots = await selectSlots(deps.store, id, "escrow");
  if (binding === undefined || !slots.some((slot) => countsSlot(binding, slot.id))) {
    return undefined;
  }
  const secret = new Secret(Buffer.from(key ?? "", "base64"));
  const masterKey = new MasterKey(id, owner, secret, "escrow", binding.generation);
  for (const row of await selectSecretKeys(deps.store, id)) {
    using opened = await openKey(masterKey, row);
    if (opened !== undefined) return masterKey;
  }
  masterKey[Symbol.dispose]();
  return undefined;
}
