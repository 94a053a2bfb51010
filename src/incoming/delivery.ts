/** What became of a message that came in. The edge that took it says so in its own words (`app/delivery-replies.ts`). */

/** Why a recipient gets nothing, for good: mail for them is not ours to take, or nobody has the address. */
export type NoReader = { readonly kind: "not-ours" } | { readonly kind: "unknown" };

/** What a recipient is answered before the message comes. `full`: the mailbox has no room for it now. */
export type ReaderAnswer = { readonly kind: "accepted" } | { readonly kind: "full" } | NoReader;

/** What became of a message for one recipient. Only a `stored` one is kept, and it is durable. */
export type Delivery =
  | { readonly kind: "stored" }
  | { readonly kind: "unknown" }
  | { readonly kind: "full" }
  /** The header is too large to be read in time. */
  | { readonly kind: "large-header" }
  /** A message that is not sealed may have `maxBytes`. */
  | { readonly kind: "too-large"; readonly maxBytes: number }
  /** What was thrown, which was logged: whether it may pass decides the answer. */
  | { readonly kind: "trouble"; readonly error: unknown };
