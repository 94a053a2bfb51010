/** What of a trace is written when the database cannot be written to. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { readTrace } from "../journal/trace.ts";
import { migrate } from "../store/engine/migrate.ts";
import { DatabaseTrouble } from "../store/engine/trouble.ts";
import { openStore } from "../store/store.ts";
import { traceWriter } from "./trace-writer.ts";

const [sqlite = assert.fail()] = engines();

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 500; turn += 1) {
    if (await isTrue()) return;
    await sleep(20);
  }
  assert.fail("it took more than ten seconds");
}

test("while the database is locked, what became of a message that left waits, and is written then", async () => {
  const place = await sqlite.place();
  assert(place.engine === "sqlite");
  await using store = await openStore(place);
  await migrate(store);
  const failed: string[] = [];
  const events = { failed: (where: string) => failed.push(where) };
  {
    await using traces = traceWriter({ store, clock: fakeClock(), events });
    using other = new DatabaseSync(place.path);
    other.exec("begin immediate");
    traces.writeLater("out")("m", "handed on", { outcome: "accepted" });
    traces.writeLater("out")("m", "handed on", { outcome: "refused" });
    await until(() => failed.length > 0);
    assert.deepEqual(failed, ["trace, which is tried again"]);
    await assert.rejects(traces.write("in")("m", "delivered", {}, store), DatabaseTrouble);
    other.exec("rollback");
  }
  const written = await readTrace(store, "m");
  assert.deepEqual(
    written.map(({ detail }) => detail["outcome"]),
    ["accepted", "refused"],
  );
});

test("a trace that is written in a transaction is there with it, or not at all", async () => {
  await using store = await sqlite.open();
  const events = { failed: () => assert.fail("nothing failed") };
  await using traces = traceWriter({ store, clock: fakeClock(), events });
  await assert.rejects(
    store.transaction(async (tx) => {
      await traces.write("in")("m", "delivered", {}, tx);
      throw new Error("the message is not stored");
    }),
    /not stored/,
  );
  assert.deepEqual(await readTrace(store, "m"), []);
});

for (const { engine, open } of engines()) {
  test(`${engine}: the entries of many messages are written together and in order`, async () => {
    await using store = await open();
    const events = { failed: () => assert.fail("nothing failed") };
    const names = Array.from({ length: 700 }, (_, index) => `m${String(index % 7)}`);
    {
      await using traces = traceWriter({ store, clock: fakeClock(), events });
      for (const [index, name] of names.entries())
        traces.writeLater("out")(name, "plan", { index });
      assert.deepEqual(await readTrace(store, "m0"), []);
      // Nobody ever sees a part of the first 500: they stand together.
      let seen = 0;
      await until(async () => (seen = (await readTrace(store, "m0")).length) > 0);
      assert(seen >= Math.ceil(500 / 7), String(seen));
    }
    const written = await readTrace(store, "m3");
    assert.deepEqual(
      written.map(({ detail }) => detail["index"]),
      names.flatMap((name, index) => (name === "m3" ? [index] : [])),
    );
  });
}
