/** What of a trace is written when the database cannot be written to. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { engines } from "../../test/support/engines.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { readTrace } from "../journal/trace.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openStore } from "../store/store.ts";
import { DatabaseTrouble } from "../store/engine/trouble.ts";
import { traceWriter } from "./trace-writer.ts";

const [sqlite = assert.fail()] = engines();

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
    await traces.writeLater("out")("m", "handed on", { outcome: "accepted" });
    await traces.writeLater("out")("m", "handed on", { outcome: "refused" });
    assert.deepEqual(failed, ["trace, which is tried again"]);
    await assert.rejects(traces.write("out")("m", "plan", {}), DatabaseTrouble);
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
