/** Somebody writes to the database, the audit log included, and an operator asks the doctor. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run, sealpostCommand } from "../../lab/run.ts";
import { systemClock } from "../../src/base/time.ts";
import { appendAudit } from "../../src/journal/journal.ts";
import { generationDetail, slotNames } from "../../src/vault/binding.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { openStore } from "../../src/store/store.ts";
import { makeLoneServer, READER } from "../support/lone-server.ts";
import { idAt } from "../support/accounts.ts";

test("the doctor does not believe an audit entry that was not made under the service key", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-doctor-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") } as const;
  const { config } = await makeLoneServer(dir, database);
  const logins = async (): Promise<string> => {
    const { stdout } = await run(sealpostCommand, ["doctor", "--json", "--config", config]);
    const { findings } = JSON.parse(stdout.toString()) as { findings: Record<string, string>[] };
    const found = findings.filter(({ check }) => check === "logins");
    return found.map(({ result, title }) => `${result} ${title}`).join("\n");
  };
  assert.match(await logins(), /^ok /);

  await using store = await openStore(database);
  const reader = parseAddress(READER);
  assert(reader !== undefined);
  const account = await idAt(store, reader);
  const { generation } = await store.db
    .updateTable("accounts")
    .set((row) => ({ generation: row("generation", "+", 1) }))
    .returning("generation")
    .executeTakeFirstOrThrow();
  const detail = generationDetail(generation, await slotNames(store, account));
  const at = systemClock.now();
  await appendAudit(store, { at, action: "account.generation", account, detail });
  assert.match(await logins(), /^fail .*another generation/);
});
