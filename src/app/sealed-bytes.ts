import type { Config } from "../config/config.ts";

/**
 * Armor (64 characters and CRLF for 48 octets) makes a sealed message 1.38 times as large as what was submitted; the rest is
 * for packets, certificates and fields.
 */
const SEALED_GROWTH = 1.5;

/** Maximum octets of the largest message that the submission listeners take, once it is sealed. */
export function sealedBytes({ messageBytes }: Pick<Config["limits"], "messageBytes">): number {
  return Math.ceil(messageBytes * SEALED_GROWTH);
}
