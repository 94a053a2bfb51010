import assert from "node:assert/strict";
import { test } from "node:test";

import { queryWords, words } from "./words.ts";

const listed = (text: string): readonly string[] => [...words(text)].toSorted();

test("words have neither case nor accents, in any script with blanks", () => {
  for (const [text, expected] of [
    ["Crème BRÛLÉE, déjà-vu!", ["brulee", "creme", "deja", "vu"]],
    ["Straße STRASSE", ["strasse"]],
    ["ИСТАНБУЛ ёлка", ["елка", "истанбул"]],
    ["Σίσυφος ΣΊΣΥΦΟΣ", ["σισυφοσ"]],
    ["İstanbul", ["istanbul"]],
    ["مُحَمَّد أحمد", ["احمد", "محمد"]],
    ["שָׁלוֹם", ["שלום"]],
    ["한국어 문서", ["문서", "한국어"]],
    ["हिन्दी", ["हिन्दी"]],
    ["alice@alpha.test", ["alice", "alpha", "test"]],
    ["ﬁle ①②", ["12", "file"]],
    ["", []],
    ["-- !?", []],
  ] as const) {
    assert.deepEqual(listed(text), expected, text);
  }
});

test("a script without blanks gives pairs, and the last character", () => {
  assert.deepEqual(listed("東京都"), ["京都", "東京", "都"].toSorted());
  assert.deepEqual(listed("iPhoneを買う2"), ["2", "iphone", "う", "を買", "買う"].toSorted());
  assert.deepEqual(listed("がか"), ["か", "がか"].toSorted());
  assert.deepEqual(queryWords("東京都"), ["東京", "京都"]);
  assert.deepEqual(queryWords("京"), ["京"]);
  assert.deepEqual(queryWords("tide 東"), ["tide", "東"]);
});

test("each part of a run is the beginning of words that the run has", () => {
  for (const text of ["東京都庁舎", "สวัสดีครับ", "ありがとうございます"]) {
    const all = listed(text);
    const characters = Array.from(text);
    for (let from = 0; from < characters.length; from += 1) {
      for (let to = from + 1; to <= characters.length; to += 1) {
        const part = characters.slice(from, to).join("");
        for (const word of queryWords(part)) {
          assert(
            all.some((one) => one.startsWith(word)),
            `${part} in ${text}`,
          );
        }
      }
    }
  }
});

test("a long word is cut, in a text as in a query", () => {
  const [word = ""] = listed("x".repeat(100));
  assert.equal(word.length, 32);
  assert.deepEqual(queryWords("x".repeat(90)), [word]);
});
