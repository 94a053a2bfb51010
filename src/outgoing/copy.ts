import type { Envelope } from "../mail/envelope.ts";

/** One message for some of the recipients, as it goes to the next hop. */
export type Copy = { readonly envelope: Envelope; readonly message: Uint8Array };
