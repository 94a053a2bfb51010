import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";

import { LARGE_OCTETS } from "../../base/large-octets.ts";
import { Budget } from "./budget.ts";
import { collect } from "./collect.ts";

const LIMIT = 2 * 1024 * 1024;

function streamOf(
  octets: number,
  piece = 60_000,
): { readonly all: Buffer; readonly stream: Readable } {
  const all = Buffer.alloc(octets, "0123456789abcdef-");
  const pieces: Buffer[] = [];
  for (let at = 0; at < octets; at += piece) pieces.push(all.subarray(at, at + piece));
  return { all, stream: Readable.from(pieces, { objectMode: false }) };
}

const never = { signal: new AbortController().signal, came: () => undefined };

test("a message is whole, and in shared memory when it is large", async () => {
  for (const octets of [0, 1, LARGE_OCTETS, LARGE_OCTETS + 1, LIMIT]) {
    const { all, stream } = streamOf(octets);
    using room = new Budget(10 * LIMIT).share("a");
    const collected = await collect(stream, LIMIT, never, room);
    assert(collected.kind === "whole" && all.equals(collected.bytes));
    assert.equal(collected.bytes.buffer instanceof SharedArrayBuffer, octets > LARGE_OCTETS);
  }
});

test("a message over the limit is read to its end and takes no room", async () => {
  const budget = new Budget(2 * LIMIT);
  using room = budget.share("a");
  const { stream } = streamOf(LIMIT + 1);
  assert.equal((await collect(stream, LIMIT, never, room)).kind, "too-large");
  assert.equal(stream.readableEnded, true);
  using next = budget.share("a");
  assert.equal(next.take(LIMIT), true);
});

test("a message without room is read to its end and gives back what it took", async () => {
  const budget = new Budget(LIMIT);
  using room = budget.share("a");
  const { stream } = streamOf(LIMIT);
  assert.equal((await collect(stream, LIMIT, never, room)).kind, "no-room");
  assert.equal(stream.readableEnded, true);
  using next = budget.share("a");
  assert.equal(next.take(LIMIT / 2), true);
});

test("a message whose client goes away, or that takes too long, is broken", async () => {
  using room = new Budget(10 * LIMIT).share("a");
  const { stream } = streamOf(1000);
  assert.equal(
    (await collect(stream, LIMIT, { ...never, signal: AbortSignal.abort() }, room)).kind,
    "broken",
  );
  const gone = new Readable({
    read() {
      this.push("From: a");
      this.destroy(new Error("gone"));
    },
  });
  assert.equal((await collect(gone, LIMIT, never, room)).kind, "broken");
});
