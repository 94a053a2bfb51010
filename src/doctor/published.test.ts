/** Checks that compare the world, or the database, with what is published. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { DOWN, http, key } from "../../test/support/discovery-world.ts";
import { answered, lines, now, silent } from "../../test/support/doctor-world.ts";
import { publishKey } from "../../test/support/test-keyserver.ts";
import { DAY, after as inTime } from "../base/time.ts";
import type { GetRequest, GetResult } from "../fetch/request.ts";
import { parseAddress } from "../mail/address.ts";
import { openpgpkeyName } from "../mail/openpgpkey-label.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { migrate } from "../store/engine/migrate.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { openStore, type Store } from "../store/store.ts";
import { openpgpkeyRecord } from "./openpgpkey-record.ts";
import { selfLookUp } from "./self-look-up.ts";
import { storedKeys } from "./stored-keys.ts";
import type { Accepted, DoctorDeps } from "./visit.ts";
import { webKeyDirectory } from "./web-key-directory.ts";

let store: Store;
let ada: Certificate;
let older: Certificate;
let aaron: Certificate;

before(async () => {
  store = await openStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  older = await publishKey(store, "ada@alpha.test", { isRevoked: true });
  aaron = await publishKey(store, "aaron@alpha.test", { profile: "modern" });
  ada = await publishKey(store, "ada@alpha.test");
});
after(async () => {
  await store[Symbol.asyncDispose]();
});

/** The keys were made by the system's clock. */
function deps(change: Partial<DoctorDeps> = {}): Partial<DoctorDeps> {
  const clock = { now: () => inTime(ada.created, DAY) };
  return { clock, database: { kind: "open", store, isMigrated: true }, accept, ...change };
}

const accept: DoctorDeps["accept"] = async (bytes) => {
  const known = [ada, older].find((one) => Buffer.from(one.bytes).equals(bytes));
  return known === undefined
    ? { kind: "unusable", reason: "unparsable" }
    : { kind: "acceptable", fingerprint: known.fingerprint, expires: undefined };
};

test("the network must give the current certificate of an address", async () => {
  const asked: string[] = [];
  const giving = (result: GetResult) => ({
    get: async ({ path }: GetRequest) => {
      asked.push(path);
      return result;
    },
  });
  assert.match(await lines(selfLookUp, giving(key(ada)), deps()), /^ok .*of ada@alpha\.test/);
  assert.match(asked[0] ?? "", /op=get.*search=ada%40alpha\.test/);
  assert.match(await lines(selfLookUp, giving(key(older)), deps()), /^fail .*revoked/);
  assert.match(await lines(selfLookUp, giving(http(404)), deps()), /^fail .*has no certificate/);
  assert.match(await lines(selfLookUp, giving(DOWN), deps()), /^fail .*does not answer/);
  const stranger = await publishKey(store, "ada@beta.test");
  assert.match(await lines(selfLookUp, giving(key(stranger)), deps()), /^fail .*wrong-user-id/);
});

test("the network must give a version 6 key too, in version 2 of HKP", async () => {
  const passing = (isV2Passed: boolean) => ({
    get: async ({ path }: GetRequest) => {
      if (path.includes("ada")) return key(ada);
      return isV2Passed && path.startsWith("/pks/v2/") ? http(200, aaron.bytes) : http(404);
    },
  });
  const well = await lines(selfLookUp, passing(true), deps());
  assert.match(well, /^ok .*ada@alpha\.test \(version 4\).*\nok .*aaron@alpha\.test \(version 6\)/);
  const blocked = await lines(selfLookUp, passing(false), deps());
  assert.match(blocked, /\nfail .*aaron@alpha\.test \(version 6\).*-> .*passes \/pks\/v2\/ on/);
});

test("without a server or a certificate there is nothing to look for", async () => {
  assert.match(await lines(selfLookUp, { tls: "none" }, deps()), /^skip .*see tls/);
  assert.match(await lines(selfLookUp), /^skip .*no certificate is published/);
});

const HOST = { "openpgpkey.alpha.test": answered(["192.0.2.2"]) };

function directory(policy: number, hu: GetResult) {
  const get = async ({ path, host }: GetRequest) => {
    assert.equal(host, "openpgpkey.alpha.test");
    const isPolicy = path === "/.well-known/openpgpkey/alpha.test/policy";
    return isPolicy ? http(policy) : hu;
  };
  return { addresses: HOST, get };
}

test("a Web Key Directory must have a policy file and the current certificate in binary", async () => {
  const current = http(200, ada.bytes);
  const well = await lines(webKeyDirectory, directory(200, current), deps());
  assert.match(well, /^ok .*openpgpkey\.alpha\.test answers/);
  const other = { keyserver: { name: "keys.alpha.test", port: 8443 } };
  const elsewhere = await lines(webKeyDirectory, directory(200, current), deps(other));
  assert.match(elsewhere, /^warn .*port 8443, but clients ask port 443 only.*Pass port 443/);
  for (const [policy, hu, says] of [
    [404, current, /^fail .*no policy file: status 404/],
    [200, http(404), /^fail .*no key of ada@alpha\.test: status 404/],
    [200, http(200, older.bytes), /^fail .*does not give the current key/],
    [200, http(200, "-----BEGIN"), /^fail .*does not give the current key/],
  ] as const) {
    assert.match(await lines(webKeyDirectory, directory(policy, hu), deps()), says);
  }
});

test("no Web Key Directory is a hint with its line; one that is silent fails", async () => {
  const hint = await lines(webKeyDirectory, {}, deps());
  assert.match(hint, /^skip .*openpgpkey\.alpha\.test\. 3600 IN CNAME keys\.alpha\.test\./);
  const down = { addresses: HOST, get: async () => DOWN };
  assert.match(await lines(webKeyDirectory, down, deps()), /^fail .*does not answer/);
  const addresses = { "openpgpkey.alpha.test": silent(6) };
  assert.match(await lines(webKeyDirectory, { addresses }, deps()), /^fail /);
});

test("a certificate in the DNS must be the current one", async () => {
  const address = parseAddress("ada@alpha.test");
  assert(address);
  const holding = (one: Certificate) => ({
    openpgpkey: { [openpgpkeyName(address)]: answered([one.bytes]) },
  });
  assert.match(await lines(openpgpkeyRecord, holding(ada), deps()), /^ok /);
  assert.match(await lines(openpgpkeyRecord, holding(older), deps()), /^warn .*--openpgpkey/);
  assert.match(await lines(openpgpkeyRecord, {}, deps()), /^skip .*optional/);
  assert.equal(await lines(openpgpkeyRecord), "");
});

test("every published key is tried, and what is wrong is counted and named", async () => {
  const good = (expires?: Date): DoctorDeps["accept"] => {
    return async (bytes) => {
      const known = Buffer.from(ada.bytes).equals(bytes);
      const fingerprint = known ? ada.fingerprint : await aarons();
      return { kind: "acceptable", fingerprint, expires } satisfies Accepted;
    };
  };
  const run = async (change: Partial<DoctorDeps>) =>
    await lines(storedKeys, {}, deps({ clock: { now: () => now }, ...change }));
  assert.match(await run({ accept: good() }), /^ok all 2 published keys/);
  assert.match(
    await run({ accept: good(inTime(now, 29 * DAY)) }),
    /^warn 2 of 2 published keys end within 30 days: aaron@alpha\.test, ada@alpha\.test/,
  );
  assert.match(await run({ accept: good(inTime(now, 31 * DAY)) }), /^ok /);
  assert.match(await run({ accept }), /^fail 1 of 2 .*aaron@alpha\.test \(unparsable\)/);
  const missing = await run({ accept: good(), revocation: async () => "missing" });
  assert.match(missing, /^fail 2 of 2 .*no generic revocation.*key rotate/);
  const altered = await run({ accept: good(), revocation: async () => "altered" });
  assert.match(altered, /^fail 2 of 2 .*service key does not open.*backup/);
  assert.match(await lines(storedKeys), /^skip .*see database/);
});

async function aarons(): Promise<string> {
  const address = parseAddress("aaron@alpha.test");
  assert(address);
  return (await findPublished(store, address))?.fingerprint ?? "";
}
