import assert from "node:assert/strict";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { actions } from "../../test/support/key-life.ts";
import { appendAudit } from "../journal/journal.ts";
import type { Store } from "../store/store.ts";
import { refuse, unlessRefused } from "./unless-refused.ts";

const at = fakeClock().now();

async function write(tx: Store, action: string): Promise<void> {
  await appendAudit(tx, { at, action });
}

for (const { engine, open } of engines()) {
  test(`${engine}: an answer keeps what was written before it, and a refusal undoes it`, async () => {
    await using store = await open();
    const answer = await unlessRefused(store, async (tx) => {
      await write(tx, "kept");
      return "done";
    });
    const refusal = await unlessRefused(store, async (tx) => {
      await write(tx, "undone");
      return refuse({ kind: "no-account" });
    });
    assert.equal(answer, "done");
    assert.deepEqual(refusal, { kind: "no-account" });
    assert.deepEqual(await actions(store), ["kept"]);
  });

  test(`${engine}: inside another transaction the outer work undoes all by the same refusal`, async () => {
    await using store = await open();
    const refusal = await unlessRefused(store, async (tx) => {
      await write(tx, "outer");
      const inner = await unlessRefused(tx, async (same) => {
        await write(same, "inner");
        return refuse("closed");
      });
      return refuse(inner);
    });
    assert.equal(refusal, "closed");
    assert.deepEqual(await actions(store), []);
  });

  test(`${engine}: a fault is thrown, and no refusal`, async () => {
    await using store = await open();
    const failing = unlessRefused(store, async (tx) => {
      await write(tx, "undone");
      throw new Error("the disk is full");
    });
    await assert.rejects(failing, /the disk is full/);
    assert.deepEqual(await actions(store), []);
  });
}
