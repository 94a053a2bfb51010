/** Checks of this host: resolver, service key, database; and what all findings come to. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { doctorDeps, now } from "../../test/support/doctor-world.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { type NewMessage } from "../spool/spool.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openStore } from "../store/store.ts";
import { databaseCheck } from "./database-check.ts";
import { examineHost, outcome } from "./doctor.ts";
import { type Judgement, fail, failNow, ok, skip, warn } from "./finding.ts";
import { pendingMail } from "./pending-mail.ts";
import { resolverCheck } from "./resolver-check.ts";
import { serviceKeyCheck } from "./service-key-check.ts";
import type { DoctorDeps } from "./visit.ts";

let dir = "";
let file = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-doctor-"));
  file = join(dir, "service.key");
});
after(async () => {
  await rm(dir, { recursive: true });
});

const depsWith = (change: Partial<DoctorDeps>) => doctorDeps({}, change);

test("a resolver that validates is fine, one that is silent may come back, one that does not must be mended", async () => {
  const judge = async (result: Awaited<ReturnType<DoctorDeps["testResolver"]>>) =>
    await resolverCheck.run(depsWith({ testResolver: async () => result }));
  assert.equal((await judge({ kind: "passed" }))[0]?.result, "ok");
  const [silent] = await judge({ kind: "failed", reason: "no reply in time" });
  assert.deepEqual([silent?.result, silent?.isTemporary], ["fail", true]);
  const reason = "it does not prove a signed name";
  const [blind] = await judge({ kind: "failed", reason, isAnswer: true });
  assert.deepEqual([blind?.result, blind?.isTemporary], ["fail", undefined]);
  assert.match(blind?.todo ?? "", /module-config.*dig \+dnssec @127\.0\.0\.1 -p 53/);
});

async function judgeKey(bytes: number, mode: number, former?: number) {
  await rm(`${file}.former`, { force: true });
  await writeFile(file, Buffer.alloc(bytes));
  await chmod(file, mode);
  if (former !== undefined) {
    await writeFile(`${file}.former`, "");
    await chmod(`${file}.former`, former);
  }
  return await serviceKeyCheck.run(
    depsWith({ serviceKeyFile: file, formerKeysFile: `${file}.former` }),
  );
}

test("the service key must be there, whole, and nobody else's to read; so must former ones", async () => {
  assert.deepEqual(
    (await judgeKey(32, 0o600)).map(({ result }) => result),
    ["ok"],
  );
  assert.deepEqual(
    (await judgeKey(32, 0o400, 0o600)).map(({ result }) => result),
    ["ok"],
  );
  assert.match((await judgeKey(32, 0o640))[0]?.todo ?? "", /^Run: chmod 600 /);
  assert.match((await judgeKey(31, 0o600))[0]?.title ?? "", /31 bytes instead of 32/);
  assert.match((await judgeKey(32, 0o600, 0o644))[1]?.title ?? "", /former/);
  const [missing] = await serviceKeyCheck.run(depsWith({ serviceKeyFile: join(dir, "none") }));
  assert.match(missing?.title ?? "", /cannot be read: ENOENT/);
});

test("a database that is closed, old or up to date is told apart", async () => {
  const closed = { kind: "closed", reason: "refused" } as const;
  const judge = async (database: DoctorDeps["database"]) => {
    const [judgement] = await databaseCheck.run(depsWith({ database }));
    return [judgement?.result, judgement?.isTemporary];
  };
  assert.deepEqual(await judge({ ...closed, isTemporary: true }), ["fail", true]);
  assert.deepEqual(await judge({ ...closed, isTemporary: false }), ["fail", undefined]);
  await using store = await openStore({ engine: "sqlite", path: ":memory:" });
  assert.deepEqual(await judge({ kind: "open", store, isMigrated: false }), ["fail", undefined]);
  assert.deepEqual(await judge({ kind: "open", store, isMigrated: true }), ["ok", undefined]);
});

test("mail that waits is counted, and who has hardly room for more is named", async () => {
  await using store = await openStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  const judge = async () => {
    const database = { kind: "open", store, isMigrated: true } as const;
    const [judgement] = await pendingMail.run(depsWith({ database }));
    return `${judgement?.result} ${judgement?.title}`;
  };
  assert.match(await judge(), /^ok 0 messages for 0 accounts wait for their reader's key/);
  await haveAccounts(store, addressOf("ada@alpha.test"), addressOf("bea@alpha.test"));
  await haveWaiting(store, waiting("ada@alpha.test", 800));
  await haveWaiting(store, waiting("bea@alpha.test", 801));
  assert.match(
    await judge(),
    /^warn 2 messages for 2 accounts .* room for more of bea@alpha\.test$/,
  );
});

function waiting(text: string, sizeBytes: number): NewMessage {
  return {
    account: idOf(addressOf(text)),
    form: "sealed",
    body: Buffer.alloc(sizeBytes),
    outerFrom: "",
    messageId: undefined,
    envelopeId: "e",
    contentHash: Buffer.from(text),
    sizeBytes,
    receivedAt: now,
    verdict: {
      state: "LOCKED",
      warnings: [],
      unsigned: [],
      header: "unprotected",
      signedAt: undefined,
      signature: "later",
      signer: undefined,
      fingerprint: undefined,
      scan: "pending",
      laterSince: undefined,
      served: undefined,
      checkedAt: now,
      evidence: {},
    },
  };
}

test("what cannot be looked at is a failure of its check, and the others are done", async () => {
  const testResolver = () => Promise.reject(new Error("broken"));
  const findings = await examineHost(depsWith({ testResolver }));
  assert.deepEqual(
    findings.map(({ check, result }) => `${check} ${result}`),
    [
      "resolver fail",
      "database fail",
      "bodies skip",
      "service-key fail",
      "secret-keys skip",
      "logins skip",
      "pending skip",
      "former-pairs skip",
      "postmaster skip",
      "outbox skip",
      "clock-seen skip",
      "revocations skip",
    ],
  );
  assert.match(findings[0]?.title ?? "", /could not be looked at: broken/);
});

test("findings together are fine, failed, or trouble that may pass", () => {
  const of = (...judgements: readonly Judgement[]) =>
    outcome(judgements.map((one) => ({ ...one, check: "x", why: "y" })));
  assert.equal(of(ok(""), warn("", ""), skip("", "")), "fine");
  assert.equal(of(ok(""), failNow("", "")), "passing");
  assert.equal(of(failNow("", ""), fail("", "")), "failed");
});
