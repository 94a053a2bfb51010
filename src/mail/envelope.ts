import { createHash } from "node:crypto";

import { formatAddress, type EmailAddress } from "./address.ts";

/** Who a message is from and for, as SMTP says it (RFC 5321 §2.3.1), whatever its header says. */
export type Envelope = {
  /** Undefined is the null reverse-path `<>`: a notification, which nothing may answer (RFC 5321 §4.5.5). */
  readonly from: EmailAddress | undefined;
  readonly recipients: readonly EmailAddress[];
  readonly smtpUtf8?: boolean;
  readonly requireTls?: boolean;
  readonly dsn?: { readonly ret?: "FULL" | "HDRS"; readonly envid?: string };
};

/** What tells the envelope of one transaction from that of another: a hash of the return path and the recipients. */
export function envelopeDigest({ from, recipients }: Envelope): string {
  const all = [from, ...recipients].map((address) =>
    address === undefined ? "<>" : formatAddress(address),
  );
  return createHash("sha256").update(all.join(" ")).digest("hex");
}
