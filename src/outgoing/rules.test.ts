/** What rules for contacts, automatic mail and a split do to a submitted message. */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  address,
  CANARY,
  makePeople,
  MESSAGE,
  person,
  send,
  textOf,
} from "../../test/support/submission.ts";
import { formatAddress } from "../mail/address.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { parseContact } from "../policy/contact-rules.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { ContactRule } from "../words/contact.ts";
import type { Part } from "../words/rollout.ts";
import type { Copy } from "./copy.ts";
import { answerRecipient } from "./outgoing.ts";

before(makePeople);

const BOTH = MESSAGE.replace("To: bob@beta.test", "To: bob@beta.test, carol@legacy.test");

function rules(...of: readonly (readonly [string, ContactRule])[]) {
  return new Map(of.map(([text, rule]) => [parseContact(text) ?? assert.fail(), rule]));
}

function recipientsOf(copies: readonly Copy[]): readonly (readonly string[])[] {
  return copies.map(({ envelope }) => envelope.recipients.map(formatAddress));
}

test("`never` leaves a recipient's key alone, and asks nobody for it", async () => {
  const asked: string[] = [];
  const of = { rules: rules(["@beta.test", "never"]), asked: (one: string) => asked.push(one) };
  const { reply, relayed } = await send(MESSAGE, ["bob@beta.test"], of);
  assert.match(reply, /^250 .*1 NOT ENCRYPTED: encryption is off/);
  assert(textOf(relayed).includes(CANARY));
  assert.deepEqual(asked, []);
});

test("`never` needs no key of the sender, and every other rule does", async () => {
  const keys = UnlockedKeys.none();
  const never = { keys, rules: rules(["beta.test", "never"]) };
  assert.match((await send(MESSAGE, ["bob@beta.test"], never)).reply, /^250 /);
  const always = { keys, policy: "off", rules: rules(["beta.test", "always"]) } as const;
  const refused = await send(MESSAGE, ["bob@beta.test"], always);
  assert.match(refused.reply, /^554 5\.7\.5 /);
  assert.equal(refused.relayed.length, 0);
});

test("`always` seals under policy off, and refuses who has no key, with its reason", async () => {
  const off = { policy: "off", rules: rules(["bob@beta.test", "always"]) } as const;
  const sealed = await send(MESSAGE, ["bob@beta.test"], off);
  assert.match(sealed.reply, /^250 .*1 encrypted/);
  assert(!textOf(sealed.relayed).includes(CANARY));
  const of = { rules: rules(["carol@legacy.test", "always"]) };
  const refused = await send(MESSAGE, ["carol@legacy.test"], of);
  assert.match(
    refused.reply,
    /^550 5\.7\.5 .*carol@legacy\.test.*a rule of yours requires encryption/,
  );
  assert.equal(refused.relayed.length, 0);
});

test("a refusal names the rule where the policy would allow clear text, and the policy where it would not", async () => {
  const of = { rules: rules(["carol@legacy.test", "always"]) };
  const reasons = [
    ["off", /a rule of yours requires encryption/],
    ["prefer-clear", /a rule of yours requires encryption/],
    ["prefer-pickup", /your policy requires encryption/],
    ["require", /your policy requires encryption/],
  ] as const;
  for (const [policy, reason] of reasons) {
    const { reply, relayed } = await send(MESSAGE, ["carol@legacy.test"], { ...of, policy });
    assert.match(reply, /^550 5\.7\.5 /);
    assert.match(reply, reason);
    assert.equal(relayed.length, 0);
  }
});

test("`ask` is what the policy says, because a mail program cannot be asked", async () => {
  const of = { rules: rules(["legacy.test", "ask"]) };
  assert.match((await send(MESSAGE, ["carol@legacy.test"], of)).reply, /^250 .*NOT ENCRYPTED/);
  const strict = { ...of, policy: "require" } as const;
  assert.match((await send(MESSAGE, ["carol@legacy.test"], strict)).reply, /^550 /);
});

test("who must have it sealed and who must not get one message each", async () => {
  const of = { rules: rules(["bob@beta.test", "always"], ["carol@legacy.test", "never"]) };
  const { reply, relayed } = await send(BOTH, ["bob@beta.test", "carol@legacy.test"], of);
  assert.match(reply, /^550 5\.7\.5 .*<bob@beta\.test>.*<carol@legacy\.test>.*separately/);
  assert.equal(relayed.length, 0);
});

test("with a split each recipient gets what they can, and a blind one stays hidden", async () => {
  const of = { isSplit: true };
  const to = ["bob@beta.test", "carol@legacy.test", "ben@beta.test"];
  const { reply, ...sent } = await send(BOTH, to, of);
  const relayed = [...sent.relayed, ...sent.kept];
  assert.match(reply, /^250 .*2 encrypted, 1 NOT ENCRYPTED: <carol@legacy\.test>/);
  assert.deepEqual(recipientsOf(relayed), [
    ["bob@beta.test"],
    ["ben@beta.test"],
    ["carol@legacy.test"],
  ]);
  const [main, blind, clear] = relayed;
  assert(main && blind && clear);
  assert(!textOf([main, blind]).includes(CANARY) && textOf([clear]).includes(CANARY));
  assert(!textOf([main, clear]).includes("ben@beta.test"));
  const keys = [person("bob@beta.test")];
  assert.equal((await open({ message: main.message, keys })).kind, "opened");
});

test("no split lets clear text to somebody whose state is not certain, or whose policy forbids it", async () => {
  const to = ["bob@beta.test", "carol@legacy.test"];
  const isSplit = true;
  const dave = await send(MESSAGE, ["bob@beta.test", "dave@beta.test"], { isSplit });
  assert.match(dave.reply, /^450 /);
  const strict = await send(BOTH, to, { isSplit, policy: "require" });
  assert.match(strict.reply, /^550 /);
  const wish = BOTH.replace("Subject:", "X-Sealpost-Require: yes\nSubject:");
  const wished = await send(wish, to, { isSplit });
  assert.match(wished.reply, /^550 /);
  for (const { relayed } of [dave, strict, wished]) assert.equal(relayed.length, 0);
});

test("a reply to protected mail is not clear because of a rule", async () => {
  const of = { rules: rules(["carol@legacy.test", "never"]), isReplyToSealed: true };
  const answer = MESSAGE.replace("Subject:", "In-Reply-To: <0@x>\nSubject:");
  const { reply, relayed } = await send(answer, ["carol@legacy.test"], of);
  assert.match(reply, /^550 5\.7\.5 .*it answers a message that came encrypted/);
  assert.equal(relayed.length, 0);
});

test("automatic mail is not encrypted, unless a policy or a rule requires it", async () => {
  const automatic = MESSAGE.replace("Subject:", "Auto-Submitted: auto-replied; x=1\nSubject:");
  const byHand = MESSAGE.replace("Subject:", "Auto-Submitted: No\nSubject:");
  const to = ["bob@beta.test"];
  assert(textOf((await send(automatic, to)).relayed).includes(CANARY));
  assert(textOf((await send(MESSAGE, to, { from: "" })).relayed).includes(CANARY));
  const pickup = { policy: "prefer-pickup" } as const;
  const strict = automatic.replace("To: bob@beta.test", "To: carol@legacy.test");
  assert.match((await send(strict, ["carol@legacy.test"], pickup)).reply, /^550 /);
  for (const sealed of [
    await send(byHand, to),
    await send(automatic, to, pickup),
    await send(automatic, to, { policy: "require" }),
    await send(automatic, to, { rules: rules(["beta.test", "always"]) }),
    await send(MESSAGE, to, { from: "", policy: "require" }),
  ]) {
    assert.match(sealed.reply, /^250 .*1 encrypted/);
    assert(!textOf(sealed.relayed).includes(CANARY));
  }
});

test("who does not take part in full seals nothing, and nothing that must not be clear leaves", async () => {
  for (const part of ["none", "receives"] as const) {
    const clear = await send(MESSAGE, ["bob@beta.test"], { part });
    assert.match(clear.reply, /^250 .*NOT ENCRYPTED: encryption is off/);
    assert(textOf(clear.relayed).includes(CANARY));
    const wish = MESSAGE.replace("Subject:", "X-Sealpost-Require: yes\nSubject:");
    const answer = MESSAGE.replace("Subject:", "In-Reply-To: <0@x>\nSubject:");
    for (const strict of [
      await send(MESSAGE, ["bob@beta.test"], { part, policy: "require" }),
      await send(MESSAGE, ["bob@beta.test"], { part, policy: "prefer-pickup" }),
      await send(wish, ["bob@beta.test"], { part }),
      await send(answer, ["bob@beta.test"], { part, isReplyToSealed: true }),
      await send(MESSAGE, ["bob@beta.test"], { part, rules: rules(["beta.test", "always"]) }),
    ]) {
      assert.match(strict.reply, /^550 5\.7\.5 your provider has not switched encryption on/);
      assert.equal(strict.relayed.length, 0);
    }
  }
});

test("under require a recipient is refused at RCPT when no domain of the sender takes part in full", async () => {
  const { deps, sender } = await send(MESSAGE, ["bob@beta.test"], { policy: "require" });
  const answerWith = async (own: Part, alias: Part) => {
    const parts = new Map([
      [address("alice@alpha.test").domain, own],
      [address("alice@gamma.test").domain, alias],
    ]);
    return (await answerRecipient(deps, { ...sender, parts }, address("bob@beta.test"), 0)).kind;
  };
  assert.equal(await answerWith("none", "receives"), "not-enabled");
  assert.equal(await answerWith("full", "none"), "accepted");
  // An alias may be the author: the message itself is judged by the domain of its author.
  assert.equal(await answerWith("none", "full"), "accepted");
});
