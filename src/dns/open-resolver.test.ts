import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { type LabDns, startDns } from "../../lab/dns.ts";
import { buildZones } from "../../lab/zones.ts";
import { systemClock } from "../base/time.ts";
import { openResolver } from "./open-resolver.ts";
import type { SelfTestResult } from "./self-test.ts";

const RETRY_MS = 20;

test("a resolver that stops validating is believed no more, not even what it said, until it validates again", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-resolver-"));
  const provider = { domain: "alpha.test", address: "127.0.0.2", keyserverPort: 8443 };
  const zones = await buildZones({ dir, providers: [provider] });
  const changes: SelfTestResult["kind"][] = [];
  const started: LabDns[] = [];
  const restart = async (isValidating: boolean, resolverPort?: number) => {
    await started.pop()?.[Symbol.asyncDispose]();
    const port = resolverPort === undefined ? {} : { resolverPort };
    const dns = await startDns({ zones, isValidating, ...port });
    started.push(dns);
    return dns.resolver;
  };
  try {
    const at = await restart(true);
    using resolver = await openResolver({
      ...at,
      clock: systemClock,
      timeoutMs: 2000,
      intervalMs: RETRY_MS,
      onResult: ({ kind }) => changes.push(kind),
    });
    const kindNow = async () => (await resolver.srv("_hkp._tcp.alpha.test")).kind;
    const until = async (kind: SelfTestResult["kind"]) => {
      while (resolver.selfTest().kind !== kind) {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    };
    assert.equal(await kindNow(), "answer");
    await restart(false, at.port);
    await until("failed");
    assert.equal(await kindNow(), "indeterminate");
    await restart(true, at.port);
    await until("passed");
    assert.equal(await kindNow(), "answer");
    assert.equal(changes[0], "passed");
    assert(changes.includes("failed"));
    assert.equal(changes.at(-1), "passed");
  } finally {
    await started.pop()?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  }
});
