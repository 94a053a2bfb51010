import { createHmac } from "node:crypto";

import { after, DAY } from "../base/time.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import type { VaultDeps } from "./vault-deps.ts";

const CODE_HEX = 32;

/**
 * The texts that prove, decrypted and signed, that somebody has the secret key of a certificate: the one to ask for today,
 * and yesterday's. Nothing is kept: whoever has the service key can tell them again.
 */
export function possessionTexts(
  { serviceKeys, clock }: Pick<VaultDeps, "serviceKeys" | "clock">,
  address: EmailAddress,
  fingerprint: Fingerprint,
): readonly [today: string, yesterday: string] {
  using key = serviceKeys.current.for("macs");
  const secret = key.reveal();
  const textOf = (date: Date): string => {
    const day = date.toISOString().slice(0, 10);
    const about = `${formatAddress(address)} ${fingerprint} ${day}`;
    const code = createHmac("sha256", secret).update(`possession ${about}`).digest("hex");
    return `sealpost possession of ${about} ${code.slice(0, CODE_HEX)}`;
  };
  const now = clock.now();
  return [textOf(now), textOf(after(now, -DAY))];
}
