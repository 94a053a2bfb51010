import assert from "node:assert/strict";
import { test } from "node:test";

import { parseQuery, parseVariables } from "./query.ts";
import type { Search } from "./question.ts";

function searchOf(text: string): Search | undefined {
  const query = parseQuery(`op=get&search=${text}`);
  return query.kind === "lookup" ? query.search : undefined;
}

const addressOf = (text: string): string | undefined => {
  const search = searchOf(text);
  return search?.kind === "address"
    ? `${search.address.local}@${search.address.domain}`
    : search?.kind;
};

test("an address is read as GnuPG and others send it", () => {
  assert.equal(addressOf("Ada.Quill+news@Post.Example"), "Ada.Quill+news@post.example");
  assert.equal(addressOf("Ada.Quill%2Bnews%40post.example"), "Ada.Quill+news@post.example");
  assert.equal(addressOf("Ada.Quill%20news@Post.Example"), "Ada.Quill+news@post.example");
  assert.equal(addressOf("%22ada%20quill%22@post.example"), "ada quill@post.example");
  assert.equal(addressOf("j%C3%BCrgen@b%C3%BCcher.example"), "jürgen@xn--bcher-kva.example");
  assert.equal(addressOf("j%C3%BCrgen@xn--bcher-kva.example"), "jürgen@xn--bcher-kva.example");
});

test("ids are whole fingerprints and 64-bit key ids, with 0x or without", () => {
  for (const length of [16, 40, 64]) {
    const hex = "a1".repeat(length / 2);
    const expected = { kind: "id", id: hex.toUpperCase() };
    assert.deepEqual(searchOf(hex), expected);
    assert.deepEqual(searchOf(`0x${hex.toUpperCase()}`), expected);
    assert.deepEqual(searchOf(`0X${hex}`), expected);
  }
});

test("short ids, v3 fingerprints, names, parts and wildcards find nothing", () => {
  for (const text of [
    "0xa1b2c3d4",
    "a1b2c3d4",
    `0x${"a".repeat(32)}`,
    `0x${"a".repeat(41)}`,
    "quill",
    "*",
    "%25",
    "@post.example",
    "post.example",
    "ada",
    "",
    "Ada%20Quill",
    "Ada%20%3Cada@post.example%3E",
    "%3Cada@post.example%3E",
    "ada@",
    "ada@post.example%00",
    "ada@post.example%0d%0aX:%20y",
    "ada@[192.0.2.1]",
    "ada@post.example,bob@post.example",
  ]) {
    assert.deepEqual(searchOf(text), { kind: "nothing" }, text);
  }
});

test("the order of variables does not matter and the first of each counts", () => {
  const query = parseQuery(
    "x-y=1&search=a@b.example&exact=off&op=index&op=get&options=nm,mr&search=c",
  );
  assert.deepEqual(query, {
    kind: "lookup",
    operation: "index",
    isMachineReadable: true,
    search: {
      kind: "address",
      address: { local: "a", domain: "b.example" },
      mayHaveDetail: true,
    },
  });
  assert.deepEqual(parseQuery("op=vindex&search=a@b.example"), {
    kind: "lookup",
    operation: "index",
    isMachineReadable: false,
    search: {
      kind: "address",
      address: { local: "a", domain: "b.example" },
      mayHaveDetail: true,
    },
  });
});

test("what is missing or unreadable is malformed; what we do not do is not implemented", () => {
  for (const raw of [
    "",
    "op=get",
    "op=get&search=a@b.example&%=x",
    "op=get&search=a@b.example&x=%",
    "search=a@b.example",
    "op=get&search=%",
    "op=get&search=%ff",
  ]) {
    assert.deepEqual(parseQuery(raw), { kind: "malformed" }, raw);
  }
  assert.deepEqual(parseQuery(`op=get&search=${"a".repeat(3000)}`), { kind: "malformed" });
  for (const op of ["stats", "hget", "GET", "add", "__proto__"]) {
    assert.deepEqual(parseQuery(`op=${op}&search=a@b.example`), { kind: "not-implemented" });
  }
});

test("a variable without a value is empty, one without a name is a variable, and the longest query is read", () => {
  const read = (raw: string) => [...(parseVariables(raw) ?? [])];
  assert.deepEqual(read("flag&a=b=c&d="), [
    ["flag", ""],
    ["a", "b=c"],
    ["d", ""],
  ]);
  assert.deepEqual(read("=x&a=1&"), [
    ["", "x"],
    ["a", "1"],
  ]);
  assert.deepEqual(read("a=1&"), [
    ["a", "1"],
    ["", ""],
  ]);
  assert.deepEqual(read("&a=1"), [
    ["", ""],
    ["a", "1"],
  ]);
  assert.equal(parseVariables("a".repeat(2048))?.size, 1);
  assert.equal(parseVariables("a".repeat(2049)), undefined);
});
