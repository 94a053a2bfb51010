import assert from "node:assert/strict";
import { type KeyID, readKey, readMessage } from "openpgp";
import { askKeyserver } from "./keyserver.ts";
import { armoredMessageIn, writeMessage } from "./message.ts";
import {
  arrival,
  fingerprintOf,
  listMail,
  readMail,
  recorderAt,
  type Stage,
  type Step,
  submitOk,
} from "./stage.ts";

const [FROM, TO, BLIND] = ["alice@alpha.test", "bob@beta.test", "bea@beta.test"];
const TRACE = /\bbea\b|^bcc:/im;

/** Bcc must not become visible through encryption: each key that opens a message is named in it. */
export const step8: Step = {
  title:
    "alice writes to bob with Bcc bea: bob's copy has no trace of bea, neither in headers nor in key IDs",
  play: async (stage) => {
    const message = writeMessage({ from: FROM, to: [TO], bcc: [BLIND], about: "das Fest" });
    assert.match(message.bytes.toString(), TRACE);
    const recorder = recorderAt(stage, "beta.test");
    recorder.take();
    await submitOk(stage, { from: FROM, to: [TO, BLIND], message: message.bytes });
    const copies = transactionsIn(recorder.take());
    const bobs = copies.filter((copy) => copy.recipients.includes(TO));
    assert.equal(bobs.length, 1);
    assert.deepEqual(bobs[0]?.recipients, [TO], "one transaction names both");
    assert.doesNotMatch(withoutArmor(bobs[0].message), TRACE);
    // Whom it is for: bob, and alice's own copy; nobody else, not even without a name.
    const expected = await Promise.all([FROM, TO].map(async (who) => encryptionKeyId(stage, who)));
    assert.deepEqual((await keyIdsOf(bobs[0].message)).toSorted(), expected.toSorted());

    const read = await arrival(stage, TO, message.subject);
    assert.equal(read.state, "CONFIDENTIAL");
    assert.doesNotMatch(await readMail(stage, TO, read.id), TRACE);
    const blind = await arrival(stage, BLIND, message.subject);
    assert.equal(blind.state, "CONFIDENTIAL");

    // Her own copy alone says whom she wrote to.
    const sent = await listMail(stage, FROM, "sent");
    const own = sent.find(({ subject }) => subject === message.subject);
    assert.equal(own?.state, "SENT");
    assert.deepEqual(own.sent, [
      {
        address: TO,
        got: "sealed",
        fingerprint: await fingerprintOf(stage, TO),
        isBlind: false,
        code: "OK-CACHE",
      },
      {
        address: BLIND,
        got: "sealed",
        fingerprint: await fingerprintOf(stage, BLIND),
        isBlind: true,
        code: "OK",
      },
    ]);
    const [facts = "", ...shown] = (await readMail(stage, FROM, own.id)).split("\n\n");
    assert.match(facts, /for bea@beta\.test, .* No other recipient sees this one\./);
    assert.doesNotMatch(shown.join("\n\n"), TRACE);
  },
};

type Transaction = { readonly recipients: readonly string[]; readonly message: Buffer };

/** What an SMTP client said, cut into its messages. Commands and data cannot be confused: the data here is armor. */
function transactionsIn(dialogue: Buffer): readonly Transaction[] {
  return dialogue
    .toString("latin1")
    .split(/^MAIL FROM:/im)
    .slice(1)
    .map((text) => {
      const [commands = "", ...data] = text.split(/^DATA\r\n/im);
      const recipients = [...commands.matchAll(/^RCPT TO:<([^>]*)>/gim)].map(([, to = ""]) => to);
      return { recipients, message: Buffer.from(data.join(""), "latin1") };
    });
}

/** By chance ciphertext could hold three letters. */
function withoutArmor(mail: Buffer): string {
  return mail.toString("latin1").replace(armoredMessageIn(mail).trimEnd(), "");
}

async function keyIdsOf(message: Uint8Array): Promise<readonly string[]> {
  const parsed = await readMessage({ armoredMessage: armoredMessageIn(message) });
  return parsed.getEncryptionKeyIDs().map((id: KeyID) => id.toHex());
}

async function encryptionKeyId({ lab }: Stage, address: string): Promise<string> {
  const { body } = await askKeyserver(lab.world, address);
  const key = await readKey({ armoredKey: body });
  return (await key.getEncryptionKey()).getKeyID().toHex();
}
