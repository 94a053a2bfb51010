import assert from "node:assert/strict";
import { test } from "node:test";

import { parseConfig, fieldsIn } from "../config/config.ts";
import { listenerProblems, policyProblems, relayProblems } from "./config-places.ts";

const HEAD = 'domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n';

function check(tables: string, problems: typeof listenerProblems | typeof relayProblems) {
  const text = `${HEAD}${tables}`;
  return problems(parseConfig(text, "/sealpost.toml"), fieldsIn(text, "/sealpost.toml"));
}

function relay(listening: string, host: string): readonly string[] {
  const tables = `[listen.mx]\nhost = "${listening}"\nport = 25\n[relay]\nhost = "${host}"\nport = 25\n`;
  return check(tables, relayProblems);
}

test("a policy of a domain that is not served is refused, with its line", () => {
  const of = (name: string) => {
    const text = `${HEAD}[policy.domains."${name}"]\npolicy = "require"\n`;
    return policyProblems(parseConfig(text, "/sealpost.toml"), fieldsIn(text, "/sealpost.toml"));
  };
  assert.deepEqual(of("alpha.test"), []);
  const [problem = "", ...others] = of("beta.test");
  assert.deepEqual(others, []);
  assert.match(
    problem,
    /^\/sealpost\.toml:3: policy\.domains\.beta\.test: .*is not served here; add it/,
  );
});

test("a relay at a loopback address is our own door where we listen at all addresses", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "localhost"]) {
    for (const listening of ["0.0.0.0", "::"]) {
      const [problem = "", ...others] = relay(listening, host);
      assert.deepEqual(others, [], host);
      assert.match(problem, /^\/sealpost\.toml:8: relay\.port: .* is our own listener at port 25/);
    }
    assert.deepEqual(relay("192.0.2.1", host), [], host);
  }
});

test("a mail server whose name begins as a loopback address does is another one", () => {
  for (const host of ["127.example.test", "127.0.0.1.example.test"]) {
    assert.deepEqual(relay("0.0.0.0", host), [], host);
  }
});

function two(one: string, other: string, ports: readonly [number, number] = [2525, 2525]) {
  const [mx, metrics] = ports;
  const tables = `[listen.mx]\nhost = "${one}"\nport = ${mx}\n[listen.metrics]\nhost = "${other}"\nport = ${metrics}\n`;
  return check(tables, listenerProblems);
}

test("two listeners at one address and port are refused, and both lines are named", () => {
  assert.deepEqual(two("127.0.0.1", "127.0.0.1"), [
    "/sealpost.toml:6: listen.metrics: 127.0.0.1:2525 is taken by /sealpost.toml:3: listen.mx (127.0.0.1:2525); give one of the two another port or address",
  ]);
});

test("a listener at all addresses is in the way of one at a single address with the same port", () => {
  for (const [one, other] of [
    ["0.0.0.0", "127.0.0.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["::", "192.0.2.1"],
    ["::", "2001:db8::1"],
    ["::", "0.0.0.0"],
    ["0:0:0:0:0:0:0:0", "127.0.0.1"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["2001:DB8::1", "2001:db8:0::1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["localhost", "127.0.0.1"],
    ["localhost", "LOCALHOST"],
    ["0.0.0.0", "mail.alpha.test"],
  ] as const) {
    assert.equal(two(one, other).length, 1, `${one} ${other}`);
    assert.equal(two(other, one).length, 1, `${other} ${one}`);
  }
});

test("listeners at other addresses or ports, or at ports that the system chooses, are no fault", () => {
  assert.deepEqual(two("127.0.0.1", "127.0.0.2"), []);
  assert.deepEqual(two("0.0.0.0", "::1"), []);
  assert.deepEqual(two("127.0.0.1", "::1"), []);
  assert.deepEqual(two("0.0.0.0", "0.0.0.0", [25, 26]), []);
  assert.deepEqual(two("0.0.0.0", "0.0.0.0", [0, 0]), []);
});

test("a value that is a default is said to be one, where two places are in each other's way", () => {
  assert.deepEqual(
    check('[listen.mx]\n[listen.lmtp]\nhost = "0.0.0.0"\nport = 25\n', listenerProblems),
    [
      "/sealpost.toml:4: listen.lmtp: 0.0.0.0:25 is taken by /sealpost.toml:3: listen.mx (0.0.0.0:25, host and port by default); give one of the two another port or address",
    ],
  );
  assert.deepEqual(check("[listen.mx]\nport = 10025\n", relayProblems), [
    "/sealpost.toml:1: relay.port: 127.0.0.1:10025 is our own listener at port 10025, /sealpost.toml:3: listen.mx (relay: host and port by default; listen.mx: host by default); name the mail server's",
  ]);
});

test("of three listeners at one place each later one names the ones before", () => {
  const tables = `[listen.submission]\nport = 443\n[listen.mx]\nport = 443\n[listen.keyserver]\n`;
  const problems = check(tables, listenerProblems);
  assert.equal(problems.length, 3);
  assert.match(problems[0] ?? "", /:5: listen\.mx: .*:3: listen\.submission /);
  assert.match(problems[1] ?? "", /:7: listen\.keyserver: .*:3: listen\.submission /);
  assert.match(problems[2] ?? "", /:7: listen\.keyserver: .*:5: listen\.mx /);
});
