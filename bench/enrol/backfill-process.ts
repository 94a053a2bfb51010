/** The backfill in a process of its own: `fork` it with JSON; it says "ready", begins at the first message, and ends. */
import { openServiceKeys } from "../../src/app/service-key-file.ts";
import { systemClock } from "../../src/base/time.ts";
import { backfill } from "../../src/keys/backfill.ts";
import { holdAuditKeys } from "../../src/vault/tag-keys.ts";
import { openStore, type StoreOptions } from "../../src/store/store.ts";

export type BackfillOrder = {
  readonly database: StoreOptions;
  readonly keyFile: string;
  readonly batch: number;
};

const order = JSON.parse(process.argv[2] ?? "") as BackfillOrder;
await using store = await openStore(order.database);
using serviceKeys = openServiceKeys(order.keyFile);
holdAuditKeys(store, serviceKeys, false);
const deps = { store, serviceKeys, clock: systemClock };
const go = new Promise((resolve) => process.once("message", resolve));
process.send?.("ready");
await go;
for (;;) if ((await backfill(deps, { profile: "compat" }, order.batch)) === 0) break;
process.disconnect();
