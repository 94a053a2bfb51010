/**
 * Real messages that nobody here wrote go the whole way from alice to bob: submitted by an SMTP client, sealed, relayed,
 * delivered, opened, judged, shown. What comes out equals what went in, by our own parser and by Python's.
 */
import assert from "node:assert/strict";
import { allMail } from "../support/mailboxes.ts";
import { createHash } from "node:crypto";
import { globSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after as afterAll, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLab, type Lab } from "../../lab/lab.ts";
import { run } from "../../lab/run.ts";
import { accountOf, providerOf } from "../../lab/world.ts";
import { openReading } from "../../src/app/open-reading.ts";
import { openVault, type Vault } from "../../src/app/open-vault.ts";
import { systemClock } from "../../src/base/time.ts";
import { loadConfig } from "../../src/config/config.ts";
import type { ReadingDeps } from "../../src/incoming/reading.ts";
import { showMail } from "../../src/incoming/reading.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { decodeBody, type Entity } from "../../src/mail/entity.ts";
import {
  firstField,
  makeField,
  parseHeader,
  serializeHeader,
  withoutFields,
} from "../../src/mail/header.ts";
import { toCrlf } from "../../src/mail/mail.ts";
import { scanMime } from "../../src/mail/mime.ts";
import { splitSubmitted } from "../../src/outgoing/prepare.ts";
import { idAt } from "../support/accounts.ts";
import { connectClient, type MailClient } from "../support/mail-client.ts";

const SUITE = "/usr/lib/python3.11/test/test_email/data";
/** A folder of real messages beside the checkout, where there is one; never part of it. */
const CORPUS = join(import.meta.dirname, "../../../shared/corpus");
const BOB = parseAddress("bob@beta.test");

let dir: string;
let lab: Lab;
let vault: Vault;
let reading: AsyncDisposable & { readonly deps: ReadingDeps };
let client: MailClient;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-real-mail-"));
  lab = await startLab({ dir, engine: "sqlite" });
  vault = await openVault(await loadConfig(providerOf(lab.world, "beta.test").config));
  reading = await openReading(vault);
  client = await connectClient({
    place: providerOf(lab.world, "alpha.test").submission,
    serverName: "mail.alpha.test",
    ca: lab.world.ca,
    account: accountOf(lab.world, "alice@alpha.test"),
  });
});

afterAll(async () => {
  client[Symbol.dispose]();
  await reading[Symbol.asyncDispose]();
  await vault[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

test("the messages of Python's own test suite arrive as they were sent", async () => {
  const files = globSync("msg_*.txt", { cwd: SUITE }).map((file) => join(SUITE, file));
  assert(files.length >= 47, "install libpython3.11-testsuite: the set-up does");
  await sendAll("Python's test suite", SUITE, files);
});

test("the messages of the corpus beside the checkout, if there is one, arrive as they were sent", async (t) => {
  const files = globSync("**/*.eml", { cwd: CORPUS }).map((file) => join(CORPUS, file));
  if (files.length === 0) {
    t.diagnostic("no corpus beside this checkout: nothing to send");
    return;
  }
  await sendAll("the corpus", CORPUS, files);
});

/** Sends every file and checks what bob reads; at least 90 % must be accepted, and every refusal must say why. */
async function sendAll(what: string, base: string, files: readonly string[]): Promise<void> {
  const refused: string[] = [];
  const pairs: Pair[] = [];
  for (const file of files.toSorted()) {
    const original = prepared(await readFile(file));
    const result = await client.send("bob@beta.test", original);
    const name = relative(base, file);
    if (result.kind === "refused") {
      assert.match(result.reply, /^5\d\d 5\.\d+\.\d+ \S+/, `${name}: ${result.reply}`);
      refused.push(`${name}: ${result.reply}`);
    } else pairs.push({ name, original, shown: await nextShown(name) });
  }
  const changed = pairs.filter(
    ({ original, shown }) =>
      leafHashes(withHeaderEnd(original)).join() !== leafHashes(shown).join(),
  );
  assert.deepEqual(
    changed.map(({ name }) => name),
    [],
    "their parts are not as they were sent",
  );
  await comparePython(pairs.filter(({ original }) => !hasObsoleteFields(original)));
  const share = pairs.length / files.length;
  console.log(`${what}: ${String(pairs.length)} of ${String(files.length)} accepted and equal`);
  for (const line of refused) console.log(`  refused ${line}`);
  assert(share >= 0.9, `only ${(share * 100).toFixed(1)} % were accepted`);
}

type Pair = { readonly name: string; readonly original: Uint8Array; readonly shown: Uint8Array };

/**
 * The author becomes alice, all line ends CRLF, and a Date is added where there is none; the first line of a mailbox file
 * is not of the message. Mail that says that it is automatic would not be sealed: it does not say so here. All else stays.
 */
function prepared(raw: Uint8Array): Uint8Array {
  const text = toCrlf(raw);
  const message = text.at(-1) === 10 ? text : Buffer.concat([text, Buffer.from("\r\n")]);
  const { header, bodyOffset } = parseHeader(message);
  const hasDate = firstField(header, "Date") !== undefined;
  const date = systemClock.now().toUTCString().replace("GMT", "+0000");
  return Buffer.concat([
    serializeHeader([
      makeField("From", "alice@alpha.test"),
      ...(hasDate ? [] : [makeField("Date", date)]),
      ...withoutFields(header, new Set(["from", "auto-submitted"])).filter(
        ({ name, raw }) => name !== "" || !/^>?From /.test(Buffer.from(raw).toString("latin1")),
      ),
    ]),
    Buffer.from("\r\n"),
    message.subarray(bodyOffset),
  ]);
}

/** Without a mailbox file's line; a message with another line that is no field is refused as it is. */
function withHeaderEnd(message: Uint8Array): Uint8Array {
  const parsed = splitSubmitted(message);
  if (parsed === undefined) return message;
  const { header, body } = parsed;
  return Buffer.concat([serializeHeader(header), Buffer.from("\r\n"), body]);
}

let received = 0;

/** Waits until the next message is opened and judged, and gives what bob is shown. */
async function nextShown(name: string): Promise<Uint8Array> {
  assert(BOB !== undefined);
  const deadline = performance.now() + 300_000; // A guard against a stall, on a loaded machine too.
  for (;;) {
    const [newest, ...older] = await allMail(vault.store, await idAt(vault.store, BOB));
    if (newest?.state === "done" && older.length === received) {
      received += 1;
      const shown = await showMail(reading.deps, {
        account: await idAt(vault.store, BOB),
        id: newest.id,
      });
      assert.equal(shown?.state, "CONFIDENTIAL", name);
      return shown.message;
    }
    assert(performance.now() < deadline, `${name} did not arrive`);
    await sleep(5);
  }
}

function leafHashes(message: Uint8Array): readonly string[] {
  return leaves(scanMime(message)).map((part) =>
    createHash("sha256").update(decodeBody(message, part)).digest("hex"),
  );
}

function leaves(entity: Entity): readonly Entity[] {
  return entity.parts.length === 0 ? [entity] : entity.parts.flatMap(leaves);
}

/** `Subject : text`: RFC 5322 §4.5 has readers accept the blank, Python's parser does not. */
function hasObsoleteFields(message: Uint8Array): boolean {
  return parseHeader(message).header.some(
    ({ name, raw }) =>
      name !== "" && /^[ \t]/.test(Buffer.from(raw).toString("latin1", name.length)),
  );
}

const PYTHON = `
import email, email.policy, json, sys
def leaves(path):
    message = email.message_from_bytes(open(path, "rb").read(), policy=email.policy.compat32)
    return [(p.get_content_type(), (p.get_payload(decode=True) or b"").hex()) for p in message.walk() if not p.is_multipart()]
bad = [i for i in range(int(sys.argv[2])) if leaves(f"{sys.argv[1]}/{i}.in") != leaves(f"{sys.argv[1]}/{i}.out")]
print(json.dumps(bad))
`;

/** A second opinion from a parser that is not ours. */
async function comparePython(pairs: readonly Pair[]): Promise<void> {
  const folder = await mkdtemp(join(dir, "python-"));
  for (const [index, { original, shown }] of pairs.entries()) {
    await writeFile(join(folder, `${String(index)}.in`), original);
    await writeFile(join(folder, `${String(index)}.out`), shown);
  }
  const { code, stdout, stderr } = await run("/usr/bin/python3.11", [
    "-c",
    PYTHON,
    folder,
    String(pairs.length),
  ]);
  assert.equal(code, 0, stderr);
  const bad = JSON.parse(stdout.toString()) as readonly number[];
  assert.deepEqual(
    bad.map((index) => pairs[index]?.name),
    [],
  );
}
