import assert from "node:assert/strict";
import { SECOND } from "../../src/base/time.ts";
import { query } from "../../src/dns/query.ts";
import type { World } from "../world.ts";
import { askKeyserver } from "./keyserver.ts";
import type { Step } from "./stage.ts";

const TIMEOUT_MS = 5 * SECOND;

/** The ground that everything stands on. */
export const step1: Step = {
  title: "DNS is secure, insecure or bogus where it should be; all keyservers answer over TLS",
  play: async ({ lab: { world } }) => {
    for (const domain of Object.keys(world.providers)) await checkProvider(world, domain);

    const insecure = await askSrv(world, "legacy.test");
    assert.equal(insecure.rcode, "NOERROR");
    assert.equal(insecure.isAuthentic, false, "legacy.test must not be secure");

    const bogus = await askSrv(world, "bogus.test");
    assert.equal(bogus.rcode, "SERVFAIL");
  },
};

async function checkProvider(world: World, domain: string): Promise<void> {
  const reply = await askSrv(world, domain);
  assert.equal(reply.rcode, "NOERROR");
  assert.equal(reply.isAuthentic, true, `the answer for ${domain} must be secure`);
  const provider = world.providers[domain];
  const srv = reply.answers.find((answer) => answer.type === "SRV");
  assert.equal(srv?.data.target, provider?.keyserver.host);
  assert.equal(srv?.data.port, provider?.keyserver.port);
  const { status, body } = await askKeyserver(world, provider?.accounts[0]?.address ?? "");
  // Version 1 of HKP does not give version 6 keys.
  const isModern = provider?.profile === "modern";
  assert.equal(status, isModern ? 404 : 200);
  if (!isModern) assert.match(body, /^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
}

async function askSrv({ resolver }: World, domain: string) {
  return query(resolver, `_hkp._tcp.${domain}`, "SRV", AbortSignal.timeout(TIMEOUT_MS));
}
