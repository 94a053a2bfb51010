/** Two gateways of one installation start at once: whoever is to be told gets one mail, from the first that finds it due. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startPostgres } from "../../lab/postgres.ts";
import { startSink } from "../../lab/sink.ts";
import { after, DAY, MINUTE, systemClock } from "../../src/base/time.ts";
import { dayOf } from "../../src/outgoing/digest/count-in-clear.ts";
import { readJob } from "../../src/store/jobs/jobs.ts";
import { countClear } from "../../src/store/mail/clear-counts.ts";
import { idAt } from "../support/accounts.ts";
import { addressOf } from "../support/address.ts";
import { makeLoneServer, READER } from "../support/lone-server.ts";
import { openTestStore } from "../support/tag-keys.ts";

test("two gateways tell a user once of mail that left in clear", async () => {
  await using ends = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-digest-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const postgres = ends.use(await startPostgres());
  const sink = ends.use(await startSink({ host: "127.0.0.1", dir: join(dir, "sink") }));
  const database = { engine: "postgres", url: await postgres.newDatabase() } as const;
  const { host, port } = sink;
  const relay = { host, port };
  const server = await makeLoneServer(dir, database, { relay, notices: { digest: true } });
  const store = ends.use(await openTestStore(database));
  const yesterday = dayOf(after(systemClock.now(), -DAY));
  const account = await idAt(store, addressOf(READER));
  await countClear(store, account, { day: yesterday, reasons: ["NOKEY"] });
  const serving = await Promise.all([server.serve("gateway"), server.serve("gateway")]);
  for (const one of serving) ends.use(one);
  const late = AbortSignal.timeout(MINUTE);
  const isDone = async (): Promise<boolean> => {
    const job = await readJob(store, { kind: "task", subject: "send digests" });
    const [copy] = await store.db.selectFrom("outbox").select("id").execute();
    return job !== undefined && copy === undefined && (await sink.received()).length > 0;
  };
  while (!(await isDone())) {
    late.throwIfAborted();
    await pause(50);
  }
  await Promise.all(serving.map(async (one) => one.process.stop()));
  const [mail, ...more] = await sink.received();
  assert(mail && more.length === 0);
  assert.deepEqual([mail.from, mail.recipients], ["", [READER]]);
  const text = Buffer.from(mail.message).toString();
  assert.match(text, /One message that you sent left without\s+encryption.*\(NOKEY\)/s);
  assert.deepEqual(await store.db.selectFrom("clear_counts").selectAll().execute(), []);
});
