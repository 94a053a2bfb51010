/** A rotation as the world sees it, through every interface of a keyserver that is another process, on both engines. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { after as later, SECOND, systemClock } from "../../src/base/time.ts";
import { openWithPassword } from "../../src/vault/master-key.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { wkdHash } from "../../src/mail/wkd-hash.ts";
import { parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { checkSigner, revocationOf } from "../../src/openpgp/certificates/signer.ts";
import { findById } from "../../src/store/keys/certificates.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openTestStore } from "../support/tag-keys.ts";
import { engines } from "../support/engines.ts";
import { alice, depsFor, old, opensMailFor } from "../support/key-life.ts";
import {
  startKeyserverProcess,
  type KeyserverProcess,
} from "../support/start-keyserver-process.ts";
import { ask, sendRaw, type RawAnswer } from "../support/test-keyserver.ts";
import { enrol, idOf } from "../support/accounts.ts";

let dir: string;
let pki: Pki;
let tls: IssuedCertificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-rotation-"));
  pki = await makePki(dir);
  tls = await pki.issue(["keys.alpha.test"]);
});
after(async () => rm(dir, { recursive: true }));

const ADDRESS = "alice@alpha.test";
const HASH = wkdHash("alice");
const BY_ADDRESS: readonly string[] = [
  `/pks/lookup?op=get&search=${ADDRESS}`,
  `/pks/lookup?op=index&options=mr&search=${ADDRESS}`,
  `/pks/lookup?op=index&search=${ADDRESS}`,
  `/pks/lookup?op=vindex&search=${ADDRESS}`,
  `/pks/v2/certs/by-identity/${ADDRESS}`,
  `/pks/v2/canonical/${ADDRESS}`,
  `/pks/v2/index/${ADDRESS}`,
  `/.well-known/openpgpkey/alpha.test/hu/${HASH}?l=alice`,
];
const DIRECT = `/.well-known/openpgpkey/hu/${HASH}?l=alice`;
const ROTATIONS = 3;

/** What each interface answers about the address. */
async function seen(running: KeyserverProcess): Promise<ReadonlyMap<string, RawAnswer>> {
  const lines = ["Host: alpha.test", "Connection: close", "", ""].join("\r\n");
  const answers = await Promise.all([
    ...BY_ADDRESS.map(async (target) => [target, await ask(running, pki, target)] as const),
    (async () =>
      [DIRECT, await sendRaw(running, pki, `GET ${DIRECT} HTTP/1.1\r\n${lines}`)] as const)(),
  ]);
  return new Map(answers);
}

/** The fingerprints that an answer shows: of its certificates, or as they are written in it. */
async function shown({ status, body }: RawAnswer): Promise<readonly string[]> {
  assert.equal(status, 200);
  const parsed = await parseCertificates(Buffer.from(body, "latin1"));
  if (parsed.kind === "parsed") return parsed.certificates.map(({ fingerprint }) => fingerprint);
  const text = body.replaceAll(/(?<=[0-9A-F]{4})(?: |&nbsp;)+(?=[0-9A-F]{4})/gi, "");
  return (text.match(/[0-9A-F]{40}/gi) ?? []).map((one) => one.toUpperCase());
}

for (const { engine, place } of engines()) {
  test(`${engine}: once a rotation returned, every interface has the new certificate and none the old one, which goes on for old mail`, async () => {
    const database = await place();
    await using store = await openTestStore(database);
    await migrate(store);
    const deps = { ...depsFor(store), clock: systemClock };
    const made = await enrol(deps, {
      address: alice,
      custody: "unlocks-at-login",
      password: old(),
      profile: "compat",
      withRecoveryCode: false,
    });
    assert(made.certificate);
    using masterKey = await openWithPassword(deps, idOf(alice), old());
    assert(masterKey);
    const table =
      database.engine === "sqlite"
        ? { path: database.path }
        : { engine: "postgres", url: database.url };
    const name = `rotation-${engine}`;
    await using running = await startKeyserverProcess({ dir, name, tls, database: table });

    const former: string[] = [];
    let current: string = made.certificate.fingerprint;
    for (let turn = 0; turn <= ROTATIONS; turn += 1) {
      for (const [target, answer] of await seen(running)) {
        const fingerprints = await shown(answer);
        assert(fingerprints.includes(current), `${target} has not the new one`);
        assert(!fingerprints.some((one) => former.includes(one)), `${target} has an old one`);
      }
      if (turn === ROTATIONS) break;
      former.push(current);
      const rotation = { address: alice, reason: "superseded", text: "rotated" } as const;
      current = (await rotateKey(deps, { profile: "compat" }, masterKey, rotation)).fingerprint;
    }

    for (const fingerprint of former) {
      const answer = await ask(running, pki, `/pks/lookup?op=get&search=0x${fingerprint}`);
      const parsed = await parseCertificates(Buffer.from(answer.body, "latin1"));
      assert(parsed.kind === "parsed" && parsed.certificates[0]);
      const [published] = parsed.certificates;
      assert.equal((await revocationOf(published)).kind, "soft");
      const [row] = await findById(store, published.fingerprint);
      assert(row);
      const signer = {
        keyFingerprint: published.fingerprint,
        signedAt: later(row.createdAt, SECOND),
      };
      assert.equal((await checkSigner(published, alice, signer)).kind, "bound");
      assert.equal(await opensMailFor(deps, old(), published.fingerprint), true);
    }
  });
}
