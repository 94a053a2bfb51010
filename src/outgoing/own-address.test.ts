import assert from "node:assert/strict";
import { before, test } from "node:test";

import { replyText } from "../../test/support/reply-text.ts";
import { MESSAGE, address, makePeople, person, send } from "../../test/support/submission.ts";
import { recipientReply } from "../app/submission-replies.ts";
import { canonicalAddress } from "../mail/address.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { answerRecipient } from "./outgoing.ts";
import { isOwnReturnPath } from "./own-address.ts";

before(makePeople);

test("a subaddress of the sender's own is theirs, as author and as return path, and their key signs", async () => {
  const message = MESSAGE.replace("alice@alpha.test", "Alice <alice+shop@alpha.test>");
  const sent = await send(message, ["bob@beta.test"], { from: "alice+shop@alpha.test" });
  assert.match(sent.reply, /^250 2\.0\.0 .*1 encrypted/);
  const mixed = await send(message, ["carol@none.test"], { from: "al+x@alpha.test" });
  assert.match(mixed.reply, /^250/);
});

test("a subaddress that is somebody else's own address is not the sender's, nor is anybody's else", async () => {
  const message = MESSAGE.replace("alice@alpha.test", "alice+shop@alpha.test");
  const others = ["alice+shop@alpha.test"];
  const author = await send(message, ["bob@beta.test"], { others });
  assert.match(author.reply, /^550 5\.7\.1 the From address/);
  const path = await send(MESSAGE, ["bob@beta.test"], { others, from: "alice+shop@alpha.test" });
  assert.match(path.reply, /^550 5\.7\.1 the sender address/);
  for (const from of ["bob+alice@alpha.test", "alice+@beta.test", "+alice@alpha.test"]) {
    const foreign = await send(MESSAGE.replace("alice@alpha.test", from), ["bob@beta.test"]);
    assert.match(foreign.reply, /^550 5\.7\.1/, from);
    assert.equal(foreign.relayed.length, 0);
  }
});

test("the key of an address signs for its subaddresses, and no other address's key does", async () => {
  const key = person("alice@alpha.test");
  const byAddress = new Map([[canonicalAddress(address("alice@alpha.test")), key.fingerprint]]);
  const keys = new UnlockedKeys([key], key.fingerprint, [], { byAddress });
  const own = await send(MESSAGE.replace("alice@", "alice+x@"), ["bob@beta.test"], { keys });
  assert.match(own.reply, /1 encrypted/);
  const other = await send(MESSAGE.replace("alice@", "al+x@"), ["bob@beta.test"], { keys });
  assert.match(other.reply, /^554 5\.7\.5/);
});

test("nobody of our own domain who is not there is accepted at RCPT, under any policy", async () => {
  for (const policy of ["require", "prefer-clear", "off"] as const) {
    const { deps, sender } = await send(MESSAGE, ["bob@beta.test"], { policy: "prefer-clear" });
    const to = address("nobody@alpha.test");
    const answer = recipientReply(await answerRecipient(deps, { ...sender, policy }, to, 0));
    assert(answer !== "ok");
    assert.match(replyText(answer), /^550 5\.1\.1/);
  }
});

test("a return path that is not the sender's own is refused, whatever the message would come to", async () => {
  for (const to of ["bob@beta.test", "carol@legacy.test"]) {
    const { reply, relayed } = await send(MESSAGE, [to], { from: "bob@beta.test" });
    assert.match(reply, /^550 5\.7\.1 the sender address \(MAIL FROM\) is not one of yours/);
    assert.deepEqual(relayed, []);
  }
  for (const from of ["alice@alpha.test", "al@alpha.test", ""]) {
    const { reply } = await send(MESSAGE, ["bob@beta.test"], { from });
    assert.match(reply, /^250 /);
  }
});

test("each of the sender's addresses may be the author", async () => {
  const { reply } = await send(MESSAGE.replace("alice@", "al@"), ["bob@beta.test"]);
  assert.match(reply, /^250 .*1 encrypted/);
});

const foreign: readonly (readonly [string, string])[] = [
  ["somebody else's From", MESSAGE.replace("From: alice", "From: bob")],
  ["two From fields", `From: alice@alpha.test\n${MESSAGE}`],
  [
    "two authors",
    MESSAGE.replace("From: alice@alpha.test", "From: alice@alpha.test, b@alpha.test"),
  ],
  ["no From", MESSAGE.replace(/^From.*\n/, "")],
];

for (const [what, message] of foreign) {
  test(`a message with ${what} is refused`, async () => {
    const { reply, relayed } = await send(message, ["bob@beta.test"]);
    assert.match(reply, /^550 5\./);
    assert.deepEqual(relayed, []);
  });
}

test("an address of one's own is also an account's address by itself, and stays one's own", async () => {
  const deps = { isAddress: async () => Promise.resolve(true) };
  const own = [address("alice@alpha.test"), address("al@alpha.test")];
  for (const path of own) assert.equal(await isOwnReturnPath(deps, own, path), true);
  assert.equal(await isOwnReturnPath(deps, own, address("al+x@alpha.test")), false);
});
