import { armorKey } from "../../src/openpgp/packets/armor.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";

/** A certificate as text with line feeds alone, as people paste it. */
export function armoredText({ bytes }: Certificate): string {
  return Buffer.from(armorKey("PUBLIC", bytes)).toString("latin1").replaceAll("\r\n", "\n");
}
