import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { formatAddress } from "./address.ts";
import { parseMailboxList } from "./mailbox-list.ts";

function parsed(body: string): readonly string[] | undefined {
  return parseMailboxList(body)?.map(({ name, address }) => `${name}|${formatAddress(address)}`);
}

test("lists, names, comments, groups and empty items are read as RFC 5322 writes them", () => {
  for (const [body, expected] of [
    ["a@x.example", ["|a@x.example"]],
    ["<a@x.example>", ["|a@x.example"]],
    ["Ada Quill <a@x.example>, b@y.example", ["Ada Quill|a@x.example", "|b@y.example"]],
    ['"Quill, Ada" <a@x.example>', ["Quill, Ada|a@x.example"]],
    ["Ada Q. Quill <a@x.example>", ["Ada Q. Quill|a@x.example"]],
    ["a@x.example (Ada \\(Q\\))", ["Ada (Q)|a@x.example"]],
    ["Ada (note) <a@x.example> (more)", ["Ada|a@x.example"]],
    [
      "Team: a@x.example, B <b@y.example>;, c@z.example",
      ["|a@x.example", "B|b@y.example", "|c@z.example"],
    ],
    ["undisclosed-recipients:;", []],
    ["", []],
    ["a@x.example,, ,b@y.example,", ["|a@x.example", "|b@y.example"]],
    ["=?utf-8?Q?Ad=C3=A4?= <a@x.example>", ["Adä|a@x.example"]],
    ["=?utf-8?Q?x=2C_=3Cm=40evil.example=3E?= <a@x.example>", ["x, <m@evil.example>|a@x.example"]],
    ['"a b"@x.example', ['|"a b"@x.example']],
    ["山田 太郎 <a@x.example>", ["山田 太郎|a@x.example"]],
    ["ju\u0308rgen@x.example", ["|jürgen@x.example"]],
  ] as const) {
    assert.deepEqual(parsed(body), expected, body);
  }
});

test("a list that can be read in two ways is malformed", () => {
  for (const body of [
    "Ada",
    "Quill, Ada <a@x.example>",
    "a@x.example b@y.example",
    "a@x.example <b@y.example>, c",
    "<a@x.example> <b@y.example>",
    "x <a@x.example> b@y.example",
    "<a@x.example",
    "a@x.example>",
    "<<a@x.example>>",
    "<@r.example:a@x.example>",
    "a @x.example",
    "a@ x.example",
    "a(c)@x.example",
    "<a@[127.0.0.1]>",
    '"Ada <a@x.example>',
    "(Ada <a@x.example>",
    "Ada) <a@x.example>",
    "Team: a@x.example",
    "a@x.example;",
    "Team: Inner: a@x.example;;",
    "a\\@x.example",
    "a@x.example\0",
  ]) {
    assert.equal(parsed(body), undefined, body);
  }
});

test("a quoted local part never changes the domain", () => {
  assert.deepEqual(parsed('"a@evil.example"@x.example'), ['|"a@evil.example"@x.example']);
  assert.deepEqual(parsed('<"a> <b@evil.example"@x.example>'), ['|"a> <b@evil.example"@x.example']);
});

test("groups are malformed where they are not allowed", () => {
  assert.equal(parseMailboxList("Team: a@x.example;", { allowGroups: false }), undefined);
});

test("names hold no line break, control or direction override", () => {
  const [mailbox] =
    parseMailboxList("=?utf-8?Q?a=0D=0AX=3A=1B=5B31m=E2=80=AEb?= <a@x.example>") ?? [];
  assert.equal(mailbox?.name, "a X:[31mb");
});

test("no text makes the parser throw or loop", () => {
  const unit = fc.constantFrom(...'a@x.<>,;:()[]"\\ \t\r\n\0ü\u3000=?'.split(""));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
      parseMailboxList(text);
    }),
    { numRuns: 2000 },
  );
});
