/** A payload whose header another program reads differently: what is judged must be what is listed and shown. */
import assert from "node:assert/strict";
import { openTestStore } from "../support/tag-keys.ts";
import { allMail, mailboxesWith } from "../support/mailboxes.ts";
import { test } from "node:test";

import { listMail } from "../../src/incoming/list-page.ts";
import { showMail, type ReadingDeps } from "../../src/incoming/reading.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { isGood, locked } from "../../src/incoming/verdicts.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { parseHeader } from "../../src/mail/header.ts";
import { blobsIn, haveWaiting } from "../support/spool.ts";
import { signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { container } from "../../src/pgpmime/seal.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { authorDeps, serves } from "../support/authors.ts";
import { haveAccounts, idOf } from "../support/accounts.ts";
import { NOW, ownKey } from "../support/openpgp-messages.ts";
import { sealedRow } from "../support/sealed-rows.ts";

const mallory = await ownKey("mallory@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");
const account = parseAddress("bob@beta.test");
const DATE = `Date: ${NOW.toUTCString().replace("GMT", "+0000")}`;
const REST = `To: bob@beta.test\r\n${DATE}\r\nContent-Type: text/plain; hp=cipher\r\n\r\nPay 100 EUR.\r\n`;
const OUTSIDE = `From: ceo@alpha.test\r\nTo: bob@beta.test\r\nSubject: Transfer\r\n${DATE}\r\nMessage-ID: <1@alpha.test>\r\n`;

/** What bob is told and shown of a payload that mallory signed for bob, with the CEO's name outside. */
async function shownOf(payload: string, outside = OUTSIDE) {
  assert(account !== undefined);
  await using store = await openTestStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  await haveAccounts(store, account);
  const deps: ReadingDeps = {
    store,
    blobs: blobsIn(store),
    clock: { now: () => NOW },
    mailboxOf: mailboxesWith({ now: () => NOW }),
    open,
    trace: traceIncoming(async () => Promise.resolve()),
    ...authorDeps(serves(mallory.certificate)),
    isReader: async () => Promise.resolve(true),
    isParked: async () => Promise.resolve(false),
    statusKey: Buffer.alloc(32),
    unlockWithService: async () => Promise.resolve(undefined),
  };
  const encrypted = await signAndEncrypt({
    data: Buffer.from(payload, "latin1"),
    signer: mallory,
    recipients: [bob.certificate],
    intended: [bob.fingerprint],
    now: NOW,
  });
  const body = container(parseHeader(Buffer.from(outside)).header, encrypted);
  const id = await haveWaiting(store, {
    account: idOf(account),
    ...(await sealedRow(body, [bob.certificate], NOW)),
    verdict: locked(NOW),
    receivedAt: NOW,
    sizeBytes: body.length,
    outerFrom: "ceo@alpha.test",
  });
  const keys = new UnlockedKeys([bob], bob.fingerprint, []);
  const { entries } = await listMail(deps, { account: idOf(account), keys });
  const [listed] = entries;
  const shown = await showMail(deps, { account: idOf(account), id, keys });
  const [stored] = await allMail(store, idOf(account), [bob]);
  assert(listed !== undefined && shown !== undefined && stored !== undefined);
  return { listed, shown, verdict: stored.verdict, text: Buffer.from(shown.message).toString() };
}

const SIGNERS = "From: mallory@alpha.test\r\n";
const PAYLOADS: Readonly<Record<string, string>> = {
  "a blank line that is not empty comes first": ` \r\n${SIGNERS}${REST}`,
  "a line that is no field comes first": `hello\r\n${SIGNERS}${REST}`,
  "a bare CR hides another From": `${SIGNERS}X-A: a\rFrom: ceo@alpha.test\r\n${REST}`,
  "a bare LF hides another From": `${SIGNERS}X-A: a\nFrom: ceo@alpha.test\r\n${REST}`,
  "a NUL ends a field": `${SIGNERS}X-A: a\0From: ceo@alpha.test\r\n${REST}`,
  "a blank stands before the colon of From": `From : mallory@alpha.test\r\n${REST}`,
  "From stands there twice": `${SIGNERS}From: ceo@alpha.test\r\n${REST}`,
  "a line of blanks ends the header for some": `${SIGNERS}X-A: a\r\n \r\nFrom: ceo@alpha.test\r\n${REST}`,
};

for (const [name, payload] of Object.entries(PAYLOADS)) {
  test(`where ${name}, nobody is shown as the author but the signer`, async () => {
    const { listed, shown, verdict, text } = await shownOf(payload);
    assert.equal(shown.state, listed.state);
    const authors = parseHeader(shown.message).header.filter(({ name: of }) => /^from$/i.test(of));
    assert.equal(authors.length, 1);
    if (isGood(verdict)) {
      assert.equal(listed.from, shown.signer);
      assert.match(text, /^From: mallory@alpha\.test\r$/m);
    } else {
      assert.equal(shown.signer, undefined);
    }
    assert.notEqual(shown.state, "CONFIDENTIAL");
    for (const line of text.split("\r\n\r\n", 1)[0]?.split("\r\n") ?? []) {
      assert.doesNotMatch(line, /[\r\n\0]|^[^:]* :/);
    }
  });
}

test("nothing that stands outside alone is shown in a full state", async () => {
  const outside = `${OUTSIDE}Cc: board@alpha.test\r\nReply-To: x@evil.test\r\nResent-From: ceo@alpha.test\r\nSender: ceo@alpha.test\r\nIn-Reply-To: <0@x.test>\r\nList-Post: <mailto:x@evil.test>\r\nArchived-At: <https://evil.test>\r\nAuthentication-Results: evil; dkim=pass\r\nReceived: by relay.test\r\n`;
  const { shown, text } = await shownOf(`${SIGNERS}${REST}`, outside);
  assert.equal(shown.state, "CONFIDENTIAL");
  assert.doesNotMatch(text, /ceo@|board@|evil|Transfer|0@x\.test/);
  assert.match(text, /^Received: by relay\.test\r$/m);
});

test("an unsigned Reply-To and unsigned references are not shown beside signed text", async () => {
  const outside = `${OUTSIDE.replace("ceo@", "mallory@")}Reply-To: x@evil.test\r\nReferences: <0@x.test>\r\nSender: ceo@alpha.test\r\n`;
  const { shown, text } = await shownOf(
    "Content-Type: text/plain\r\n\r\nPay 100 EUR.\r\n",
    outside,
  );
  assert.equal(shown.state, "CONFIDENTIAL_BODY");
  assert.deepEqual(shown.unsigned, ["From", "Reply-To", "To", "Subject", "Date"]);
  assert.match(shown.sentence, /Not signed: From, Reply-To, To, Subject, Date\./);
  assert.doesNotMatch(text, /evil|0@x\.test|ceo@/);
  assert.match(text, /^Subject: Transfer\r$/m);
});
