/**
 * Proof of possession: users who keep their secret key show that an imported certificate is their own. They open a message
 * that only its owner can open, and sign the text that they found in it.
 */
import { asBuffer, utf8 } from "../../base/bytes.ts";
import { DAY, after } from "../../base/time.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { Certificate } from "../certificates/certificate.ts";
import { checkSigner } from "../certificates/signer.ts";
import { SKEW_MS } from "../certificates/validity.ts";
import { encryptAtRest } from "../messages/encrypt.ts";
import { type SignatureFacts, readDetachedSignatures } from "../messages/signature-facts.ts";
import { verifySignature } from "../messages/verify.ts";
import { armorMessage } from "../packets/armor.ts";

/** How long a proof may be under way. */
const LONGEST_MS = 2 * DAY;
const MAX_PROOF_OCTETS = 64 * 1024;

/** An armored message, encrypted to an imported certificate and not signed, that holds the text and the end of its line. */
export async function possessionChallenge(o: {
  readonly certificate: Certificate;
  readonly text: string;
  readonly now: Date;
}): Promise<string> {
  const { certificate, text, now } = o;
  const message = await encryptAtRest({ data: utf8(`${text}\n`), recipients: [certificate], now });
  return asBuffer(armorMessage(message)).toString("latin1");
}

/**
 * Whether `proof` is a detached signature (RFC 9580 §10.4), armored or binary, over exactly the text. It must be by a key
 * that the certificate binds to the address. It must be made within the last two days, or ahead of now by as much as
 * clocks may be. What editors and shells do to a text is forgiven: the ends of lines, and one empty line more or less at
 * the end.
 */
export async function provesPossession(o: {
  readonly certificate: Certificate;
  readonly address: EmailAddress;
  readonly text: string;
  readonly proof: Uint8Array;
  readonly now: Date;
}): Promise<boolean> {
  if (o.proof.length > MAX_PROOF_OCTETS) return false;
  for (const signature of readDetachedSignatures(o.proof) ?? []) {
    if (await isOwners(o, signature)) return true;
  }
  return false;
}

async function isOwners(
  o: Pick<Parameters<typeof provesPossession>[0], "certificate" | "address" | "text" | "now">,
  signature: SignatureFacts,
): Promise<boolean> {
  const { certificate, address, now } = o;
  const signedAt = signature.created;
  if (signedAt === undefined || signedAt < after(now, -LONGEST_MS)) return false;
  if (signedAt > after(now, SKEW_MS)) return false;
  for (const data of formsOf(o.text)) {
    const check = await verifySignature({ data, signature, certificate, now });
    if (check.kind === "invalid") continue;
    const signer = { keyFingerprint: check.keyFingerprint, signedAt };
    const bound = await checkSigner(certificate, address, signer, { now });
    return bound.kind === "bound" && bound.ended === undefined;
  }
  return false;
}

/** The text as it may look after it was copied and saved. */
function formsOf(text: string): readonly Uint8Array[] {
  const lines = text.replaceAll("\r\n", "\n");
  const forms = [lines, lines.replace(/\n$/, ""), `${lines}\n`];
  const all = [text, ...forms, ...forms.map((form) => form.replaceAll("\n", "\r\n"))];
  return [...new Set(all)].map(utf8);
}
