/** A keyserver that serves keys of every version, for the tests of its interfaces: `before(startServer); after(stopServer)`. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makePki, type Pki } from "../../lab/pki.ts";
import {
  ask,
  publishKey,
  startTestKeyserver,
  type RawAnswer,
  type TestKeyserver,
} from "./test-keyserver.ts";
import { parseCertificates, type Certificate } from "../../src/openpgp/certificates/certificate.ts";

export async function startServer(): Promise<void> {
  dir = await mkdtemp(join(tmpdir(), "sealpost-interfaces-"));
  pki = await makePki(dir);
  server = await startTestKeyserver(await pki.issue(["keys.alpha.test"]), {
    domains: ["alpha.test", "b\u{fc}cher.test"],
    limits: { addressMissesPerMinute: 10_000 },
  });
  old = await publishKey(server.store, "Ada.Quill@alpha.test", { isRevoked: true });
  ada = await publishKey(server.store, "Ada.Quill@alpha.test");
  modern = await publishKey(server.store, "modern@alpha.test", { profile: "modern" });
  await publishKey(server.store, "j\u{fc}rgen@b\u{fc}cher.test");
  await publishKey(server.store, "guest@legacy.test");
  await publishKey(server.store, "gone@alpha.test", { isRevoked: true });
}

export async function stopServer(): Promise<void> {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
}

let dir: string;
export let pki: Pki;
export let server: TestKeyserver;

/** The certificates that are published; `old` is revoked. */
export let ada: Certificate;
export let old: Certificate;
export let modern: Certificate;

export const get = async (target: string, ...headers: readonly string[]): Promise<RawAnswer> =>
  ask(server, pki, target, "GET", headers);

export const v2 = async (rest: string): Promise<RawAnswer> => get(`/pks/v2/${rest}`);

export async function binaryFingerprints({ status, body }: RawAnswer): Promise<readonly string[]> {
  assert.equal(status, 200);
  const parsed = await parseCertificates(Buffer.from(body, "latin1"));
  assert(parsed.kind === "parsed");
  return parsed.certificates.map(({ fingerprint }) => fingerprint);
}

export const ADVANCED = "/.well-known/openpgpkey/alpha.test";

export const HASH = "fhh5hqn4exs59t43nc8z1eneyuch6s76";
