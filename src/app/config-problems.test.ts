import assert from "node:assert/strict";
import { test } from "node:test";
import type { Config } from "../config/load.ts";
import { relayProblems } from "./config-problems.ts";

function problems(listening: string, relayHost: string): number {
  const { length } = relayProblems({
    file: "sealpost.toml",
    listen: { mx: { host: listening, port: 25 } } as unknown as Config["listen"],
    relay: { host: relayHost, port: 25 } as unknown as Config["relay"],
  });
  return length;
}

test("a relay at a loopback address is our own door where we listen at all addresses", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "localhost"]) {
    for (const listening of ["0.0.0.0", "::"]) assert.equal(problems(listening, host), 1, host);
    assert.equal(problems("192.0.2.1", host), 0, host);
  }
});

test("a mail server whose name begins as a loopback address does is another one", () => {
  for (const host of ["127.example.test", "127.0.0.1.example.test"]) {
    assert.equal(problems("0.0.0.0", host), 0, host);
  }
});
