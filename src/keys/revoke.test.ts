/** Revocations that users made themselves, of parts of a key. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type SecretKeyPacket, readKey, readPrivateKey } from "openpgp";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import {
  type Forge,
  packetOf,
  primaryOf,
  sign,
  subkeyOf,
  userIdOf,
  wholeSecond,
} from "../../test/support/forge-certificate.ts";
import { type Deps, active, alice, old, opened, withAlice } from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { imported, libraryKey } from "../../test/support/secret-keys.ts";
import { after, DAY, MINUTE } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import { acceptForEncryption } from "../openpgp/certificates/acceptance.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { importCertificate } from "../openpgp/certificates/import-certificate.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { readKeyPackets } from "../openpgp/packets/key-packets.ts";
import { findById, listPublishedOf } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import { publishOwnCertificate, importKey } from "./import-key.ts";
import { publishRevocation } from "./revoke.ts";

/** Of alice's own key, in the order they were made in. */
const ENCRYPTING = 0;
const SIGNING = 1;
const COMPROMISED = 2;
const NO_LONGER_VALID = 32;

type Own = { readonly forge: Forge; readonly bytes: Uint8Array; readonly certificate: Certificate };

/** A key that alice made: her certificate, and the secrets to revoke its parts with. */
async function ownKey(deps: Deps, signing = 1): Promise<Own> {
  const date = wholeSecond(after(deps.clock.now(), -DAY));
  const subkeys = [{}, ...Array.from({ length: signing }, () => ({ sign: true }))];
  const bytes = await libraryKey({ user: "alice@alpha.test", date, subkeys });
  const forge = { secret: await readPrivateKey({ binaryKey: bytes }) };
  const given = { bytes: forge.secret.toPublic().write(), address: alice, now: deps.clock.now() };
  const result = await importCertificate(given);
  assert(result.kind === "importable", JSON.stringify(result));
  return { forge, bytes, certificate: result.certificate };
}

async function bringPublic(deps: Deps, { certificate }: Own): Promise<void> {
  const rest = { revocation: undefined, masterKey: undefined };
  await came(
    publishOwnCertificate(deps, { owner: idOf(alice), address: alice, certificate, ...rest }),
    "imported",
  );
}

async function bringSecret(deps: Deps, { bytes }: Own): Promise<void> {
  const key = await imported(bytes, { address: alice, now: deps.clock.now() });
  assert(key.kind === "importable");
  using masterKey = await opened(deps, old());
  await came(importKey(deps, masterKey, alice, key), "imported");
}

/** One signature, as `--gen-revoke` and its like write it. */
async function revocationOf(
  deps: Deps,
  { forge }: Own,
  o: { readonly subkey?: number; readonly reason: number; readonly by?: Forge },
): Promise<Uint8Array> {
  const key = await primaryOf(forge);
  const over =
    o.subkey === undefined
      ? { key, userID: userIdOf("alice@alpha.test") }
      : { key, bind: await subkeyOf(forge, o.subkey) };
  const type = o.subkey === undefined ? "certRevocation" : "subkeyRevocation";
  const facts = { reasonForRevocationFlag: o.reason, reasonForRevocationString: "" };
  const signer = (o.by ?? forge).secret.keyPacket;
  return packetOf(await sign(signer, type, over, wholeSecond(deps.clock.now()), facts as never));
}

/** The packet with one more subpacket, of a private type, where nothing is signed. */
function withUnhashed(packet: Uint8Array, octet: number): Uint8Array {
  const read = readKeyPackets(packet, 1);
  assert(read.kind === "read");
  const body = Buffer.from(read.packets[0]?.body ?? []);
  const at = 6 + body.readUInt16BE(4);
  const size = body.readUInt16BE(at);
  const next = Buffer.concat([
    body.subarray(0, at),
    Buffer.of((size + 3) >> 8, (size + 3) & 0xff, 2, 100, octet),
    body.subarray(at + 2),
  ]);
  return Buffer.concat([Buffer.of(0xc2, 0xff), u32(next.length), next]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

async function servedOf(store: Store, { certificate }: Own) {
  const [row] = await findById(store, certificate.fingerprint);
  assert(row);
  return { ...row, certificate: await certificateIn(row) };
}

const lastAudit = async (store: Store) => (await Array.fromAsync(listAudit(store))).at(-1);

for (const { engine, open } of engines()) {
  test(`${engine}: nobody seals to an encryption subkey that its owner revoked`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const own = await ownKey(deps);
    await bringPublic(deps, own);
    const { fingerprint } = own.certificate;
    const upload = await revocationOf(deps, own, { subkey: ENCRYPTING, reason: COMPROMISED });
    const result = await publishRevocation(deps, idOf(alice), upload);
    const subkey = own.forge.secret.subkeys[ENCRYPTING]?.getFingerprint().toUpperCase();
    assert(result.kind === "published");
    assert.equal(result.state, "compromised");
    assert.deepEqual(result.parts, [
      { kind: "subkey", fingerprint: subkey, reasonCode: COMPROMISED },
    ]);
    assert.equal(await active(store), undefined);
    const served = await servedOf(store, own);
    assert.deepEqual(served.revokedAt, deps.clock.now());
    const accepted = await acceptForEncryption(served.certificate, alice, deps.clock.now());
    assert.deepEqual(accepted, { kind: "unusable", reason: "revoked" });
    const mail = { data: Buffer.from("mail"), recipients: [served.certificate] };
    await assert.rejects(encryptAtRest({ ...mail, now: deps.clock.now() }));
    await encryptAtRest({ ...mail, now: deps.clock.now(), isOwn: true });
    assert.deepEqual((await lastAudit(store))?.detail, {
      fingerprint,
      state: "compromised",
      of: "subkey",
    });
    const again = await publishRevocation(deps, idOf(alice), upload);
    assert.deepEqual(again, { kind: "known", fingerprint });
  });

  test(`${engine}: of several revocations at once the hardest reason is the state`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    for (const [first, second, state] of [
      [1, COMPROMISED, "compromised"],
      [COMPROMISED, 1, "compromised"],
      [1, 0, "withdrawn"],
      [3, 1, "superseded"],
    ] as const) {
      const own = await ownKey(deps);
      await bringPublic(deps, own);
      const upload = Buffer.concat([
        await revocationOf(deps, own, { subkey: SIGNING, reason: first }),
        await revocationOf(deps, own, { subkey: ENCRYPTING, reason: second }),
      ]);
      const result = await publishRevocation(deps, idOf(alice), upload);
      assert(result.kind === "published");
      assert.equal(result.state, state);
    }
    // One that was known, and left the certificate in use, does not say why it ends now.
    const own = await ownKey(deps);
    await bringPublic(deps, own);
    const known = await revocationOf(deps, own, { subkey: SIGNING, reason: COMPROMISED });
    await publishRevocation(deps, idOf(alice), known);
    const added = await revocationOf(deps, own, { subkey: ENCRYPTING, reason: 1 });
    const result = await publishRevocation(deps, idOf(alice), Buffer.concat([known, added]));
    assert(result.kind === "published");
    assert.equal(result.state, "superseded");
  });

  test(`${engine}: the same revocation with other unhashed octets is known`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const own = await ownKey(deps);
    await bringPublic(deps, own);
    const upload = await revocationOf(deps, own, { subkey: ENCRYPTING, reason: COMPROMISED });
    assert.equal((await publishRevocation(deps, idOf(alice), upload)).kind, "published");
    const { bytes } = await servedOf(store, own);
    for (let octet = 0; octet < 3; octet += 1) {
      const again = await publishRevocation(deps, idOf(alice), withUnhashed(upload, octet));
      assert.equal(again.kind, "known");
    }
    assert.deepEqual((await servedOf(store, own)).bytes, bytes);
  });

  test(`${engine}: a user ID that its owner revoked ends the certificate for the address`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const own = await ownKey(deps);
    await bringPublic(deps, own);
    const upload = await revocationOf(deps, own, { reason: NO_LONGER_VALID });
    const result = await publishRevocation(deps, idOf(alice), upload);
    assert(result.kind === "published");
    assert.equal(result.state, "retired");
    assert.equal(await active(store), undefined);
    const { certificate } = await servedOf(store, own);
    const accepted = await acceptForEncryption(certificate, alice, deps.clock.now());
    assert.deepEqual(accepted, { kind: "unusable", reason: "revoked" });
  });

  test(`${engine}: what is left of a certificate is used on, and brings no old one back`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const own = await ownKey(deps);
    await bringPublic(deps, own);
    const { fingerprint } = own.certificate;
    const upload = await revocationOf(deps, own, { subkey: SIGNING, reason: 1 });
    const result = await publishRevocation(deps, idOf(alice), upload);
    assert(result.kind === "published");
    assert.equal(result.state, "active");
    assert.equal(await active(store), fingerprint);
    const revoked = await servedOf(store, own);
    assert.equal((await lastAudit(store))?.detail["state"], "active");
    await bringPublic(deps, own);
    assert.deepEqual((await servedOf(store, own)).bytes, revoked.bytes);
  });

  test(`${engine}: a kept key is not signed with when its signing subkey is revoked`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const own = await ownKey(deps);
    await bringSecret(deps, own);
    assert.equal(await active(store), own.certificate.fingerprint);
    const upload = await revocationOf(deps, own, { subkey: SIGNING, reason: 1 });
    const result = await publishRevocation(deps, idOf(alice), upload);
    assert(result.kind === "published");
    assert.equal(result.state, "superseded");
    assert.equal(await active(store), undefined);
  });

  test(`${engine}: the whole certificate that carries it is taken, also of a former key`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const own = await ownKey(deps);
    await bringPublic(deps, own);
    const other = await ownKey(deps);
    await bringPublic(deps, other);
    assert.equal(await active(store), other.certificate.fingerprint);
    const [{ state } = { state: undefined }] = (await listPublishedOf(store, idOf(alice))).slice(
      -1,
    );
    const subkey = own.forge.secret.toPublic().subkeys[ENCRYPTING];
    assert(subkey);
    const at = deps.clock.now();
    const revoked = await subkey.revoke(
      own.forge.secret.keyPacket as SecretKeyPacket,
      { flag: 2 },
      at,
    );
    const whole = own.forge.secret.toPublic();
    whole.subkeys[ENCRYPTING] = revoked;
    const result = await publishRevocation(deps, idOf(alice), whole.write());
    assert(result.kind === "published");
    assert.equal(result.state, state);
    assert.equal(result.fingerprint, own.certificate.fingerprint);
    assert.equal(await active(store), other.certificate.fingerprint);
    // It ended without a revocation, and that of a part does not say that it did.
    assert.deepEqual(await findById(store, own.certificate.fingerprint), []);
  });

  test(`${engine}: a new revocation is found behind many that are known`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const own = await ownKey(deps, 2);
    await bringPublic(deps, own);
    for (let times = 0; times < 8; times += 1) {
      deps.clock.advance(MINUTE);
      const known = await revocationOf(deps, own, { subkey: SIGNING, reason: 1 });
      assert.equal((await publishRevocation(deps, idOf(alice), known)).kind, "published");
    }
    const whole = await readKey({ binaryKey: (await servedOf(store, own)).bytes });
    const last = whole.subkeys.at(-1);
    assert(last);
    const primary = own.forge.secret.keyPacket as SecretKeyPacket;
    const revoked = await last.revoke(primary, { flag: 1 }, deps.clock.now());
    whole.subkeys[whole.subkeys.length - 1] = revoked;
    assert.equal((await publishRevocation(deps, idOf(alice), whole.write())).kind, "published");
    assert.equal((await publishRevocation(deps, idOf(alice), whole.write())).kind, "known");
    const { bytes } = await servedOf(store, own);
    await bringPublic(deps, own);
    assert.equal((await servedOf(store, own)).bytes.length, bytes.length);
  });

  test(`${engine}: a revocation by another key, or of another's, changes nothing`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const [own, strangers] = [await ownKey(deps), await ownKey(deps)];
    await bringPublic(deps, own);
    const before = await servedOf(store, own);
    for (const [of, by] of [
      [own, strangers],
      [strangers, strangers],
      [strangers, own],
    ] as const) {
      for (const subkey of [ENCRYPTING, SIGNING, undefined]) {
        const which = subkey === undefined ? {} : { subkey };
        const upload = await revocationOf(deps, of, { ...which, reason: 0, by: by.forge });
        assert.deepEqual(await publishRevocation(deps, idOf(alice), upload), {
          kind: "revocation-of-no-key",
        });
      }
    }
    assert.deepEqual(await servedOf(store, own), before);
  });
}
