/** Bodies in the database: the row has the octets, or their pieces, and is durable or deleted with them. */
import { randomUUID } from "node:crypto";

import { octetsIn, type Octets } from "../base/large-octets.ts";
import type { PutBlob } from "../store/mail/blobs.ts";

/** Gives octets a name; the transaction that writes the row makes them durable. */
export async function putInDatabase(octets: Octets): Promise<PutBlob> {
  const id = randomUUID();
  return Promise.resolve({ place: "database", id, sizeBytes: octetsIn(octets), octets });
}
