/** `sealpost mail show --open-part`, as an operator or a user types it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idAt } from "../../test/support/accounts.ts";
import { openCli } from "../../test/support/cli.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { findAccount } from "../accounts/accounts.ts";
import { wrapFor } from "../app/at-rest.ts";
import { openVault } from "../app/open-vault.ts";
import { loadConfig } from "../config/config.ts";
import { withEncryptedPart } from "../incoming/encrypted-part.ts";
import { unprotected } from "../incoming/verdicts.ts";
import { parseAddress } from "../mail/address.ts";
import { parseCertificates } from "../openpgp/certificates/certificate.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import { findCiphertext } from "../pgpmime/find-ciphertext.ts";
import { findPublished } from "../store/keys/certificates.ts";

const ADA = parseAddress("ada@alpha.test");
const PAYLOAD = "Content-Type: text/plain; charset=utf-8\r\n\r\nCANARY inside\r\n";

/** Puts two messages into the mailbox: one with an encrypted part, one without. @returns their numbers. */
async function fill(config: string): Promise<readonly [string, string]> {
  assert(ADA !== undefined);
  await using vault = await openVault(await loadConfig(config));
  const account = await findAccount(vault.store, ADA);
  const published = await findPublished(vault.store, ADA);
  assert(account !== undefined && published !== undefined);
  const parsed = await parseCertificates(published.bytes);
  assert(parsed.kind === "parsed");
  const now = vault.clock.now();
  const recipients = parsed.certificates;
  const sealed = await encryptAtRest({ data: Buffer.from(PAYLOAD), recipients, now });
  const ids: string[] = [];
  for (const body of [Buffer.from(armorMessage(sealed)).toString(), "nothing inside\r\n"]) {
    const message = Buffer.from(`From: x@y.test\r\nSubject: s\r\n\r\nHello\r\n\r\n${body}`);
    const id = await haveWaiting(vault.store, {
      account: await idAt(vault.store, ADA),
      receivedAt: now,
      sizeBytes: message.length,
      outerFrom: "x@y.test",
      messageId: undefined,
      envelopeId: String(ids.length),
      contentHash: Buffer.alloc(32, ids.length),
      form: "wrapped",
      body: await wrapFor(vault, account, message),
      summary: new Uint8Array(),
      verdict: withEncryptedPart(unprotected(now), findCiphertext(message).kind),
    });
    ids.push(id);
  }
  const [first = "", second = ""] = ids;
  return [first, second];
}

test("an encrypted part is opened apart with --open-part, by whoever may use the key, and audited", async () => {
  await using cli = await openCli();
  const add = ["account", "add", "ada@alpha.test", "--custody", "provider", "--password-stdin"];
  await cli.sealpost(add, "correct horse\n");
  const [id, other] = await fill(cli.config);
  const show = ["mail", "show", "ada@alpha.test", id];

  const whole = await cli.attempt(show);
  assert.match(whole.out, /^state +UNPROTECTED ENCRYPTED_PART$/m);
  assert.match(whole.out, /mail show ADDRESS ID --open-part/);
  assert.doesNotMatch(whole.out, /CANARY/);

  const part = await cli.attempt([...show, "--open-part"]);
  assert.equal(part.code, 0, part.err);
  assert.match(part.out, /^state +UNPROTECTED OPENED_APART$/m);
  assert.match(part.out, /^ {2}CANARY inside$/m);
  assert.doesNotMatch(part.out, /Hello/);

  const raw = await cli.attempt([...show, "--open-part", "--raw"]);
  assert.equal(raw.out, PAYLOAD);
  const json = await cli.sealpost([...show, "--open-part"]);
  assert.deepEqual(json["warnings"], ["OPENED_APART"]);
  assert.equal(json["signer"], null);

  const none = await cli.attempt(["mail", "show", "ada@alpha.test", other, "--open-part"]);
  assert.equal(none.code, 1);
  assert.match(none.err, /does not hold exactly one encrypted part/);
  const audit = await cli.attempt(["audit", "list", "ada@alpha.test"]);
  assert(audit.out.split("mail.shown").length > 3, audit.out);
});

test("ordinary mail of a closed mailbox says that the password opens it, in text, with --raw and in JSON", async () => {
  await using cli = await openCli();
  const password = "correct horse\n";
  await cli.sealpost(["account", "add", "ada@alpha.test", "--password-stdin"], password);
  await cli.sealpost(["mail", "list", "ada@alpha.test", "--password-stdin"], password);
  const [id] = await fill(cli.config);
  const show = ["mail", "show", "ada@alpha.test", id];

  const closed = await cli.attempt(show);
  assert.match(closed.out, /^state +UNPROTECTED ENCRYPTED_PART$/m);
  assert.match(closed.out, /^\(nothing to show; the mailbox is closed, .*--password-stdin\)$/m);
  assert.doesNotMatch(closed.out, /--open-part/);
  const raw = await cli.attempt([...show, "--raw"]);
  assert.equal(raw.code, 1);
  assert.match(raw.err, /UNPROTECTED: there is nothing to show; the mailbox is closed/);
  assert.equal((await cli.sealpost(show))["absence"], "mailbox-closed");

  const open = [...show, "--password-stdin"];
  assert.match((await cli.attempt(open, password)).out, /^ {2}Hello$/m);
  assert.equal((await cli.sealpost(open, password))["absence"], null);
});
