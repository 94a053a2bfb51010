import assert from "node:assert/strict";
import { test } from "node:test";

import { DOWN, http } from "../../test/support/discovery-world.ts";
import {
  ADDRESS,
  type DoctorWorld,
  answered,
  doctorDeps,
  domain,
  empty,
  seen,
  silent,
  srv,
} from "../../test/support/doctor-world.ts";
import type { GetRequest } from "../fetch/request.ts";
import { outcome } from "./doctor.ts";
import { type PeerCode, examinePeer } from "./peer.ts";

const NAME = "_hkp._tcp.beta.test";
const KEYS = { "keys.beta.test": answered([ADDRESS]) };
const SECURE = answered([srv("keys.beta.test")]);
const named = seen({ isNamed: (host) => host === "keys.beta.test", names: "keys.beta.test" });

async function examine(world: Partial<DoctorWorld>) {
  const well = { srv: { [NAME]: SECURE }, addresses: KEYS, tls: [named] };
  const { code, findings } = await examinePeer(
    doctorDeps({ ...well, ...world }),
    domain("beta.test"),
  );
  const text = findings.map((one) => `${one.result} ${one.check}: ${one.title} -> ${one.todo}`);
  return { code, outcome: outcome(findings), text: text.join("\n") };
}

test("a peer that says 404 for an address that cannot exist is well", async () => {
  const asked: string[] = [];
  const get = async ({ path }: GetRequest) => {
    asked.push(path);
    return http(404);
  };
  const { code, outcome: end, text } = await examine({ get });
  assert.deepEqual([code, end], ["OK", "fine"]);
  assert.match(text, /^ok http: keys\.beta\.test:443 says 404/m);
  assert.match(asked[0] ?? "", /search=nobody-[0-9a-f]{24}%40beta\.test$/);
});

const insecure = answered([srv("keys.beta.test")], "insecure");
const WORLDS: readonly [string, Partial<DoctorWorld>, PeerCode, string, RegExp][] = [
  ["without a record", { srv: {} }, "NOSVC", "failed", /proven that beta\.test has no keyserver/],
  [
    "without record or signature",
    { srv: { [NAME]: empty("insecure") } },
    "NOSVC",
    "failed",
    /zone is not signed/,
  ],
  [
    "without signature",
    { srv: { [NAME]: insecure } },
    "INSEC",
    "failed",
    /could be anybody's.*For postmaster@beta\.test/,
  ],
  [
    "with a forged record",
    { srv: { [NAME]: silent(6) } },
    "UNSURE-DNS",
    "failed",
    /forged \(EDE 6\)/,
  ],
  [
    "whose DNS is down",
    { srv: { [NAME]: silent(22) } },
    "UNSURE-DNS",
    "passing",
    /no name server.*EDE 22/,
  ],
  [
    "that has no address",
    { addresses: {}, tls: "none", get: async () => DOWN },
    "UNSURE-KS",
    "failed",
    /no address/,
  ],
  [
    "that is down",
    {
      tls: [{ kind: "unseen", address: ADDRESS, reason: "connect ECONNREFUSED" }],
      get: async () => ({ kind: "failed", reason: "connect ECONNREFUSED" }),
    },
    "UNSURE-KS",
    "passing",
    /ECONNREFUSED/,
  ],
  ["in trouble", { get: async () => http(503) }, "UNSURE-KS", "passing", /HTTP status 503/],
  [
    "that answers with a page",
    { get: async () => http(200, "<html>") },
    "UNSURE-KS",
    "failed",
    /a web page/,
  ],
];
for (const [what, world, code, end, says] of WORLDS) {
  test(`a peer ${what} is ${code}`, async () => {
    const found = await examine(world);
    assert.deepEqual([found.code, found.outcome], [code, end], found.text);
    assert.match(found.text, says);
    assert.match(found.text, new RegExp(`^fail conclusion: ${code}: `, "m"));
  });
}

test("one of several keyservers is enough, and the other is still named", async () => {
  const records = answered([srv("dead.beta.test"), srv("keys.beta.test")]);
  const get = async ({ host }: GetRequest) => (host === "keys.beta.test" ? http(404) : DOWN);
  const { code, text } = await examine({ srv: { [NAME]: records }, get });
  assert.equal(code, "OK");
  assert.match(text, /^fail target: dead\.beta\.test has no address/m);
});
