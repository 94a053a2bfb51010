import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeCharset } from "./charset.ts";
import { encodeText } from "./encode-text.ts";

test("text is written in a character set so that it is read again, and what the set lacks is a question mark", () => {
  for (const [charset, text, read] of [
    ["utf-8", "é値", "é値"],
    ["iso-8859-1", "é値", "é?"],
    ["iso-8859-15", "€ é", "€ é"],
    ["windows-1251", "Привет", "Привет"],
    ["koi8-u", "Привіт é", "Привіт ?"],
    ["shift_jis", "値段 ｱ", "値段 ｱ"],
    ["euc-jp", "値段", "値段"],
    ["iso-2022-jp", "a値b段段c", "a値b段段c"],
    ["gbk", "价格", "价格"],
    ["big5", "價格", "價格"],
    ["ks_c_5601-1987", "가격", "가격"],
  ] as const) {
    const octets = encodeText(text, charset);
    assert(octets !== undefined, charset);
    assert.equal(decodeCharset(octets, charset), read, charset);
  }
});

test("a set that nobody knows, or in which text cannot be put before other text, gives none", () => {
  for (const charset of ["x-nobody-knows", "utf-16", "utf-7"]) {
    assert.equal(encodeText("é", charset), undefined, charset);
  }
});
