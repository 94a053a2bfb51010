/** Every function of the store about keys, wrapped and published. */
import { activeAddresses } from "../../../src/store/accounts/active-addresses.ts";
import {
  countExpiring,
  findByFingerprint,
  findById,
  findPublished,
  hasPublished,
  listExpiring,
  listPublished,
  listPublishedOf,
  listUnserved,
} from "../../../src/store/keys/certificates.ts";
import {
  listGenericRevocations,
  saveGenericRevocation,
  selectGenericRevocation,
} from "../../../src/store/keys/generic-revocations.ts";
import { listKeyNames } from "../../../src/store/keys/key-names.ts";
import {
  activateMailboxCertificate,
  findMailboxCertificate,
  readAtRestCertificate,
} from "../../../src/store/keys/mailbox-certificates.ts";
import {
  endPublished,
  erasePublished,
  publish,
  putBackRevoked,
  serveAgain,
  stopServing,
  updatePublished,
} from "../../../src/store/keys/publish.ts";
import { holdPublication } from "../../../src/store/keys/published-version.ts";
import { listServiceKeyNames } from "../../../src/store/keys/service-key-names.ts";
import {
  forgetServiceKeyUsers,
  listServiceKeyUsers,
  noteServiceKeyUser,
} from "../../../src/store/keys/service-key-users.ts";
import {
  loginsUnderOthers,
  replaceLogin,
  replaceRevocation,
  replaceSlot,
  revocationsUnderOthers,
  slotsUnderOthers,
} from "../../../src/store/keys/service-keys.ts";
import { countSlotsByServiceKey, sampleServiceSlots } from "../../../src/store/keys/slot-sample.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  deleteMasterKey,
  deleteSlots,
  findMasterKey,
  hasSecretKey,
  insertMasterKey,
  insertSlot,
  parkMasterKey,
  saveSecretKey,
  selectSecretKeys,
  selectSlots,
  type SlotRow,
} from "../../../src/store/keys/vault.ts";
import { after, DAY } from "../../../src/base/time.ts";
import type { AccountId } from "../../../src/words/account.ts";
import { addressOf } from "../address.ts";
import { certificateOf, fingerprintOf, now } from "../published.ts";

const octets = new Uint8Array(20).fill(1);
const page = { after: undefined, limit: 10 };
const behind = { serviceKey: "k", name: "1" };

const slot: SlotRow = {
  id: "slot",
  masterKey: "master",
  kind: "service",
  version: 1,
  kdf: "",
  salt: octets,
  wrapped: octets,
  createdAt: now,
  serviceKey: "k",
  generation: 1,
};

export async function callVault(store: Store, owner: AccountId): Promise<void> {
  const fingerprint = fingerprintOf("E");
  await insertMasterKey(store, { id: "master", owner, createdAt: now });
  await findMasterKey(store, owner);
  await insertSlot(store, slot);
  await selectSlots(store, "master");
  await selectSlots(store, "master", "password");
  const secret = { fingerprint, masterKey: "master", address: "", version: 1, wrapped: octets };
  await saveSecretKey(store, { ...secret, createdAt: now, purpose: "sealing" });
  await selectSecretKeys(store, "master");
  await listKeyNames(store, owner, "master");
  await hasSecretKey(store, fingerprint);
  await callServiceKeys(store, owner);
  await parkMasterKey(store, "master");
  await deleteSlots(store, "master", "service");
  await deleteMasterKey(store, "master");
  await activateMailboxCertificate(store, owner, { fingerprint, bytes: octets, createdAt: now });
  await findMailboxCertificate(store, owner);
  await readAtRestCertificate(store, owner, addressOf("carol@alpha.test"));
}

async function callServiceKeys(store: Store, owner: AccountId): Promise<void> {
  await slotsUnderOthers(store, "service", "k", page);
  await slotsUnderOthers(store, "service", "j", { ...page, after: behind });
  await slotsUnderOthers(store, "service", "l", { ...page, after: behind });
  await replaceSlot(store, slot, slot);
  await loginsUnderOthers(store, "k", page);
  const login = { salt: octets, kdf: "argon2id", verifier: octets, serviceKey: "k" };
  await replaceLogin(store, owner, login, login);
  await revocationsUnderOthers(store, "k", page);
  await countSlotsByServiceKey(store);
  await listServiceKeyNames(store);
  await sampleServiceSlots(store, "k", { from: "8", limit: 500 });
  await noteServiceKeyUser(store, { process: "p", serviceKey: "k", seenAt: now });
  await listServiceKeyUsers(store, now);
  await forgetServiceKeyUsers(store, { notSince: after(now, -DAY) });
}

export async function callPublished(store: Store, owner: AccountId): Promise<void> {
  const address = addressOf("carol@alpha.test");
  const certificate = certificateOf("C", { address });
  const { fingerprint } = certificate;
  const kept = { fingerprint, owner, version: 1, wrapped: octets, createdAt: now, serviceKey: "k" };
  await saveGenericRevocation(store, kept);
  await selectGenericRevocation(store, fingerprint);
  await listGenericRevocations(store, owner);
  await replaceRevocation(store, kept, kept);
  await publish(store, certificate, []);
  await updatePublished(store, fingerprint, certificate);
  await findPublished(store, address);
  await findByFingerprint(store, fingerprint);
  await findById(store, fingerprint);
  await hasPublished(store);
  await listPublished(store, address);
  await listPublishedOf(store, owner);
  await listPublishedOf(store, owner, address);
  await listUnserved(store, owner);
  await Array.fromAsync(activeAddresses(store, "d1.test", 10));
  await callExpiring(store);
  await store.transaction(async (tx) => {
    await stopServing(tx, fingerprint);
    await serveAgain(tx, fingerprint, []);
    await putBackRevoked(tx, certificateOf("D", { address, state: "compromised" }));
  });
  await endPublished(store, fingerprint, { ...certificate, state: "retired" });
  await erasePublished(store, [fingerprint]);
  await holdPublication(store, true);
  await holdPublication(store, false);
}

async function callExpiring(store: Store): Promise<void> {
  const soon = after(now, 14 * DAY);
  const last = certificateOf("B", { expiresAt: after(now, DAY) });
  await listExpiring(store, now, soon, { limit: 10 });
  await listExpiring(store, now, soon, { limit: 10, after: last });
  await countExpiring(store, now, soon);
}
