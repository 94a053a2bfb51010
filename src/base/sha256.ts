import { createHash } from "node:crypto";

import { octetStringsIn, type Octets } from "./large-octets.ts";
import { eachSlice } from "./slices.ts";

/** SHA-256 of an octet string of any size. The event loop is not held. */
export async function sha256(octets: Octets): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for (const piece of octetStringsIn(octets)) {
    await eachSlice(piece, (slice) => {
      hash.update(slice);
    });
  }
  return hash.digest();
}
