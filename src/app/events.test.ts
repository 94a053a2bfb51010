/** Every line of the log is in the documentation, with its level and its fields. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { AppError } from "../base/errors.ts";
import { parseDomain } from "../mail/address.ts";
import { startEvents, type Events } from "./events.ts";

const PAGE = readFileSync(
  join(import.meta.dirname, "../../docs/operate/metrics-and-logs.md"),
  "utf8",
);
const ANSWER = {
  listener: "mx",
  client: "192.0.2.1",
  code: "250",
  status: "2.0.0",
  reason: "accepted",
} as const;

/** Calls of each event that write each of its lines, with every field. */
const CALLS: { readonly [Name in keyof Events]: readonly Parameters<Events[Name]>[] } = {
  ready: [["gateway", {}]],
  stopping: [["gateway"]],
  failed: [["delivery", new AppError("no", { temporary: true, cause: new Error("why") })]],
  transaction: [
    [
      {
        ...ANSWER,
        id: "4f1c09a7be21",
        domain: parseDomain("alpha.test") ?? assert.fail(),
        recipients: 2,
        accepted: 1,
        sizeBytes: 1,
        tookMs: 1,
        plan: "seal",
        state: "LOCKED",
      },
    ],
  ],
  refused: [[{ ...ANSWER, step: "rcpt", id: "4f1c09a7be21" }]],
  loginFailed: [[ANSWER]],
  keyserverUnrestricted: [["why"]],
  revocationAlarm: [
    ["alarm", { within: "hour", released: 1, limit: 1 }],
    ["stopped", { within: "day", released: 1, limit: 1 }],
  ],
  databaseChanged: [["why"], [undefined]],
  hopChanged: [
    ["127.0.0.1:25", "why"],
    ["127.0.0.1:25", undefined],
  ],
  clockChanged: [["why"], [undefined]],
  openingStuck: [["1", "why"]],
  auditHead: [[{ rows: 1, hash: "ab" }]],
  reloaded: [
    [{ role: "gateway", changed: ["relay.port"], restart: [] }],
    [{ role: "gateway", changed: [], restart: ["limits.recipients"] }],
  ],
  reloadRefused: [[{ role: "gateway", problems: ["why"] }]],
  tlsRenewed: [[{ validUntil: "2026-12-01T00:00:00Z" }]],
  tlsRefused: [[{ certificateFile: "a", keyFile: "b", reason: "why" }]],
  resolverTested: [[{ isValidating: true, reason: "" }], [{ isValidating: false, reason: "why" }]],
};

type Line = Readonly<Record<string, unknown>>;

function written(): readonly Line[] {
  const lines: Line[] = [];
  const events = startEvents("debug", { write: (line) => lines.push(JSON.parse(line) as Line) });
  for (const [name, calls] of Object.entries(CALLS)) {
    const event = events[name as keyof Events] as (...args: readonly unknown[]) => void;
    const before = lines.length;
    for (const args of calls) event(...args);
    assert.equal(lines.length, before + calls.length, name);
  }
  return lines;
}

/** The rows of the documented table: each `msg` with its level and what is said of its fields. */
function documented(): ReadonlyMap<string, { readonly level: number; readonly fields: string }> {
  const [, table = ""] = /\n\| `msg` \| level .*?\n\|[ -|]+\n(.*?)\n\n/s.exec(PAGE) ?? [];
  const rows = table.split("\n").flatMap((row) => {
    const [, messages = "", level = "", , fields = ""] = row.split("|");
    const names = [...messages.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    return names.map((name) => [name, { level: Number(level), fields }] as const);
  });
  assert.equal(new Set(rows.map(([name]) => name)).size, rows.length);
  return new Map(rows);
}

test("the documentation has every line of the log with its level and all of its fields", () => {
  const rows = documented();
  for (const { level, time: _time, msg, ...fields } of written()) {
    const row = rows.get(String(msg)) ?? assert.fail(`not documented: ${String(msg)}`);
    assert.equal(row.level, level, String(msg));
    for (const field of Object.keys(fields)) {
      assert(row.fields.includes(`\`${field}\``), `${String(msg)}: ${field}`);
    }
  }
});

test("the documentation has no line, and no field, that is never logged", () => {
  const lines = written();
  for (const [msg, { fields }] of documented()) {
    const own = lines.filter((line) => line["msg"] === msg);
    assert(own.length > 0, `never written: ${msg}`);
    for (const [, field = ""] of fields.replaceAll(/\(.*?\)/g, "").matchAll(/`([^`]+)`/g)) {
      assert(
        own.some((line) => field in line),
        `${msg}: ${field}`,
      );
    }
  }
});

test("other pages name no line of the log that is never written", () => {
  const names = new Set(written().map(({ msg }) => String(msg)));
  for (const page of ["backup.md", "keys.md", "retention.md", "doctor.md", "configuration.md"]) {
    const text = readFileSync(join(import.meta.dirname, "../../docs/operate", page), "utf8");
    for (const [, name = ""] of text.matchAll(/the log's `([^`]+)` lines/g)) {
      assert(names.has(name), `${page}: ${name}`);
    }
  }
});
