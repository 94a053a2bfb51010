import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";

import {
  blockFrom,
  blocksFor,
  headFrom,
  headOctets,
  markMatches,
  SegmentBuilder,
} from "./segment.ts";
import { termsFrom, termOctets } from "./terms.ts";

const word = fc.stringMatching(/^[a-c\u{10400}\uff5e]{1,4}$/u);
const messages = fc.array(fc.uniqueArray(word, { maxLength: 12 }), { maxLength: 30 });

/** The numbers of the messages that have a term with this beginning. */
function found(built: ReturnType<SegmentBuilder["built"]>, prefix: string): readonly number[] {
  const head = headFrom(headOctets(built.head));
  const marks = new Uint8Array(head.numbers.length);
  for (const at of blocksFor(head, prefix)) {
    markMatches(blockFrom(built.blocks[at] ?? assert.fail()), prefix, marks);
  }
  return head.numbers.filter((_, place) => marks[place] === 1);
}

const textOf = (terms: readonly string[]): string => ["", ...terms, ""].join("\n");

test("a segment finds the messages that have a term with a beginning, and no others", () => {
  fc.assert(
    fc.property(messages, word, (all, prefix) => {
      const builder = new SegmentBuilder();
      all.forEach((terms, at) => {
        builder.add(at * 1000 + 7, textOf(terms));
      });
      const expected = all.flatMap((terms, at) =>
        terms.some((term) => term.startsWith(prefix)) ? [at * 1000 + 7] : [],
      );
      assert.deepEqual(found(builder.built(), prefix), expected);
    }),
  );
});

test("a segment of many blocks is searched in few of them", () => {
  const builder = new SegmentBuilder();
  for (let at = 0; at < 300; at += 1) {
    const own = Array.from({ length: 200 }, (_, n) => `t${String(at)}-${String(n)}`);
    builder.add(at, textOf(["common", ...own]));
  }
  const built = builder.built();
  assert(built.blocks.length > 15);
  assert.equal(found(built, "common").length, 300);
  assert.deepEqual(found(built, "t299-17"), [299]);
  assert.deepEqual(found(built, "zzz"), []);
  assert.deepEqual(found(built, "a"), []);
  assert(blocksFor(built.head, "t299-17").length <= 2);
  assert(built.blocks.every(({ length }) => length < 40_000));
});

test("terms are kept in few octets, and others are no terms", () => {
  const text = textOf(Array.from({ length: 500 }, (_, n) => `xword${String(n)}`));
  const octets = termOctets(text);
  assert(octets.length < text.length / 2);
  assert.equal(termsFrom(octets), text);
  assert.equal(termsFrom(Buffer.from("other octets")), undefined);
});
