/** Exports of waiting mail on both engines, where the octets of some of it are missing. */
import assert from "node:assert/strict";

import { start } from "../../../test/contract/mailbox-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { clear, newPlaces } from "../../../test/support/imported-mail.ts";
import { mailFilesWorld } from "../../../test/support/mail-files-world.ts";
import { haveWaiting } from "../../../test/support/spool.ts";
import { MissingOctets } from "../../base/errors.ts";
import { DAY, after as later, MINUTE } from "../../base/time.ts";
import { locked } from "../verdicts.ts";
import { exportMailFor } from "./export-mail.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-export-");

testBoth(
  "waiting mail whose octets are missing keeps no other from being opened and exported",
  async (open) => {
    await using store = await open();
    const made = await mailFilesWorld(store, NOW);
    const ids: string[] = [];
    for (let at = 0; at < 8; at += 1) {
      const id = await haveWaiting(store, {
        account: made.account.id,
        body: Buffer.concat([Buffer.alloc(4), Buffer.from(`no message ${String(at)}`)]),
        form: "sealed",
        receivedAt: later(start, at * MINUTE),
        sizeBytes: 7,
        outerFrom: "x@y.test",
        verdict: locked(start),
      });
      ids.push(id);
    }
    const gone = await store.db
      .selectFrom("spool")
      .select("blob")
      .where("id", "in", ids.slice(0, 4))
      .execute();
    const missing = new Set(gone.map(({ blob }) => blob));
    const read = async (id: string): Promise<Uint8Array | undefined> => {
      if (missing.has(id)) throw new MissingOctets("its file is gone");
      return made.deps.blobs.read(id);
    };
    const deps = {
      ...made.deps,
      blobs: { ...made.deps.blobs, read },
    };
    await made.add({ message: clear("kept", "x\r\n") });
    const path = place();
    const done = await exportMailFor(deps, made, {
      folder: undefined,
      format: "maildir",
      path,
      progress: () => undefined,
    });
    assert(done.kind === "exported");
    assert.equal(done.written, 1);
    const states = new Map(done.closed.map((one) => [one.id, one.state]));
    // These were opened all the same; what they hold is no message.
    const expected = ids.map((_, at) => (at < 4 ? "MISSING" : "DAMAGED"));
    assert.deepEqual(
      ids.map((id) => states.get(id)),
      expected,
    );
  },
);
