/**
 * One event of a draft, in a process that kills itself right after the n-th step (`killed-steps.ts`).
 * `node draft-process.ts JSON`. At the end it prints how many steps there were.
 */
import { Secret } from "../../src/base/secret.ts";
import type { BlobPlaces } from "../../src/blobs/blobs.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import type { StoreOptions } from "../../src/store/store.ts";
import { doEvent } from "./draft-events.ts";
import { countSteps } from "./killed-steps.ts";
import { openTestStore } from "./tag-keys.ts";

/** What the process is told. */
export type DraftOrder = {
  readonly event: string;
  readonly database: StoreOptions;
  readonly places: BlobPlaces;
  /** The reader's secret key, in base64. */
  readonly secretKey: string;
  /** The step to die after; 0 for never. */
  readonly killAfter: number;
};

const order = JSON.parse(process.argv[2] ?? "") as DraftOrder;
await using store = await openTestStore(order.database);
const key = await readSecretKey(new Secret(Buffer.from(order.secretKey, "base64")));
const place = { store, places: order.places, key };
console.log(await countSteps(order.killAfter, async () => doEvent(place, order.event)));
