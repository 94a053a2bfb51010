import { randomUUID } from "node:crypto";

import type { Envelope } from "../mail/envelope.ts";

/** One message for some of the recipients, as it goes to the next hop. */
export type Copy = { readonly envelope: Envelope; readonly message: Uint8Array };

/** A copy that is to wait, with the ID of its row. Where nobody knows whether it is kept, keeping it again adds no second one. */
export type CopyToKeep = Copy & { readonly id: string };

/** A copy that was never kept, as one that is to wait. */
export function toKeep(copy: Copy): CopyToKeep {
  return { ...copy, id: randomUUID() };
}
