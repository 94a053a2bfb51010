import { createHmac } from "node:crypto";

import { after, DAY } from "../base/time.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { possessionChallenge, provesPossession } from "../openpgp/imports/possession.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";

const CODE_HEX = 32;

type Deps = Pick<VaultDeps, "serviceKeys" | "clock">;

/** A certificate that somebody says is theirs, for an address. */
export type Claim = { readonly address: EmailAddress; readonly certificate: Certificate };

/** The armored message that its owner alone can open: they sign the text that is in it, within a day. */
export async function challengeFor(deps: Deps, { address, certificate }: Claim): Promise<string> {
  const [text] = possessionTexts(deps, address, certificate.fingerprint);
  return possessionChallenge({ certificate, text, now: deps.clock.now() });
}

/** Whether a detached signature proves that the secret key of a certificate is its user's. */
export async function isProven(
  deps: Deps,
  { address, certificate }: Claim,
  proof: Uint8Array,
): Promise<boolean> {
  const now = deps.clock.now();
  const texts = possessionTexts(deps, address, certificate.fingerprint);
  const proven = await Promise.all(
    texts.map(async (text) => provesPossession({ certificate, address, text, proof, now })),
  );
  return proven.includes(true);
}

/**
 * The texts that prove, decrypted and signed, that somebody has the secret key of a certificate: the one to ask for today,
 * and yesterday's. Nothing is kept: whoever has the service key can tell them again.
 */
function possessionTexts(
  { serviceKeys, clock }: Deps,
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
