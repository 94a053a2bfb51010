import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  MESSAGE,
  NOW,
  address,
  makePeople,
  people,
  person,
  send,
  textOf,
} from "../../test/support/submission.ts";
import { Given } from "../base/given.ts";
import { after, DAY } from "../base/time.ts";
import { formatAddress } from "../mail/address.ts";
import { decodedText, fieldsNamed, firstField, parseHeader } from "../mail/header.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { seal } from "../pgpmime/seal.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import { copiesOf } from "./copies.ts";
import type { Found } from "./plan.ts";
import { prepare } from "./prepare.ts";

const clock = { now: () => NOW };

async function keyOf(owner: string) {
  const now = after(NOW, -30 * DAY);
  const made = await generateKey({ address: address(owner), profile: "compat", now });
  return readSecretKey(made.secretKey);
}

test("63 named recipients and a blind one are sealed for; for more the sender is told why not", async () => {
  const signer = await keyOf("alice@alpha.test");
  const found = await Promise.all(
    Array.from({ length: 65 }, async (_, index): Promise<Found> => {
      const name = `r${String(index)}@beta.test`;
      const { certificate } = await keyOf(name);
      const evidence = { checkedAt: NOW };
      const more = { source: "hkp", certificate, fetchedAt: NOW, evidence } as const;
      return { address: address(name), discovery: { kind: "found", code: "OK", ...more } };
    }),
  );
  const copies = async (named: number) => {
    const to = found.slice(0, named).map(({ address: one }) => formatAddress(one));
    const message = `From: alice@alpha.test\r\nTo: ${to.join(",\r\n ")}\r\nSubject: s\r\n\r\nx\r\n`;
    const preparation = await prepare(
      { clock, hostname: "m.alpha.test" },
      [address("alice@alpha.test")],
      new Given(Buffer.from(message)),
    );
    assert(preparation.kind === "ready");
    const recipients = found.slice(0, named + 1);
    const envelope = {
      from: address("alice@alpha.test"),
      recipients: recipients.map((one) => one.address),
    };
    const { prepared } = preparation;
    const hostname = envelope.from.domain;
    return copiesOf({ seal, clock, hostname }, { signer, envelope, prepared, recipients });
  };
  assert.deepEqual(
    (await copies(63)).map(({ envelope }) => envelope.recipients.length),
    [63, 1],
  );
  await assert.rejects(copies(64), (error) => {
    return error instanceof UnsealableMessage && /63 recipients at once/.test(error.message);
  });
});

before(makePeople);

test("the sender can open the copy for the named recipients", async () => {
  const { relayed } = await send(MESSAGE, ["bob@beta.test"]);
  const own = await open({
    message: relayed[0]?.message ?? new Uint8Array(),
    keys: [person("alice@alpha.test")],
  });
  assert.equal(own.kind, "opened");
});

test("a blind recipient leaves no trace in the copy of the named ones", async () => {
  const withBcc = MESSAGE.replace("Subject", "Bcc: bea@beta.test\nSubject");
  const { relayed, kept } = await send(withBcc, ["bob@beta.test", "bea@beta.test"]);
  assert.deepEqual(
    relayed.map(({ envelope }) => envelope.recipients.map(formatAddress)),
    [["bob@beta.test"]],
  );
  assert.deepEqual(
    kept.map(({ envelope }) => envelope.recipients.map(formatAddress)),
    [["bea@beta.test"]],
  );
  const outside = parseHeader(relayed[0]?.message ?? new Uint8Array()).header;
  assert.equal(firstField(outside, "Bcc"), undefined);
  assert(!textOf(relayed).includes("bea@"));
  const bea = person("bea@beta.test");
  const named = await open({ message: relayed[0]?.message ?? new Uint8Array(), keys: [bea] });
  assert.equal(named.kind, "no-key");
  const blind = await open({ message: kept[0]?.message ?? new Uint8Array(), keys: [bea] });
  assert.equal(blind.kind, "opened");
  const bcc = fieldsNamed(parseHeader(blind.payload).header, "Bcc").map(decodedText);
  assert.deepEqual(bcc, ["bea@beta.test"]);
  assert.deepEqual(
    blind.signatures.map(({ intended }) => intended),
    [[bea.fingerprint]],
  );
  assert(!textOf(kept).includes("bea@"), "outside");
  for (const name of ["bob@beta.test", "alice@alpha.test"]) {
    const other = await open({
      message: kept[0]?.message ?? new Uint8Array(),
      keys: [person(name)],
    });
    assert.equal(other.kind, "no-key", name);
  }
  const opened = await open({
    message: relayed[0]?.message ?? new Uint8Array(),
    keys: [person("bob@beta.test")],
  });
  assert.equal(opened.kind, "opened");
  assert(!opened.signatures.some(({ intended }) => intended.includes(bea.fingerprint)));
  assert(!Buffer.from(opened.payload).includes("bea@"));
});

test("when all recipients are blind, each copy names its reader alone, and the sender can open it", async () => {
  const to = ["bob@beta.test", "bea@beta.test"];
  const message = MESSAGE.replace("To: bob@beta.test", "To: undisclosed-recipients:;");
  const { relayed, kept } = await send(message, to);
  const copies = [...relayed, ...kept];
  assert.equal(copies.length, 2);
  for (const { envelope, message: copy } of copies) {
    const [reader, ...others] = envelope.recipients.map(formatAddress);
    assert(reader !== undefined && others.length === 0);
    const keys = [person(reader), person("alice@alpha.test")];
    for (const key of keys) {
      const opened = await open({ message: copy, keys: [key] });
      assert.equal(opened.kind, "opened");
      const { header } = parseHeader(opened.payload);
      assert.deepEqual(fieldsNamed(header, "Bcc").map(decodedText), [reader]);
      assert.deepEqual(
        opened.signatures.map(({ intended }) => intended),
        [[person(reader).fingerprint]],
      );
    }
    const stranger = to.find((one) => one !== reader) ?? "";
    assert.equal((await open({ message: copy, keys: [person(stranger)] })).kind, "no-key");
  }
});

test("a large message to very many blind recipients is refused before anything leaves", async () => {
  const many = Array.from({ length: 100 }, (_, index) => `bea+${String(index)}@beta.test`);
  for (const name of many) people.set(name, person("bea@beta.test"));
  const large = `${MESSAGE}${`${"x".repeat(900)}\n`.repeat(3_300)}`;
  const { reply, relayed } = await send(large, many);
  assert.match(reply, /^550 5\.6\.0 too many blind recipients/);
  assert.deepEqual(relayed, []);
});
