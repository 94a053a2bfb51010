import { createHash } from "node:crypto";

import type { SignatureFacts } from "../openpgp/messages/signature-facts.ts";
import { ciphertextIn } from "./apart.ts";
import { detectProtection, type Protection } from "./detect.ts";
import { findCiphertext, type FoundCiphertext } from "./find-ciphertext.ts";
import type { Range } from "./range.ts";
import { bodyWithoutSurroundings } from "./surroundings.ts";

/**
 * What is found out about a message as it arrives, by reading all of it once. The result says where the parts are and does
 * not hold them, so that little travels between threads.
 */
export type Examined = {
  readonly found:
    | {
        readonly kind: "sealed";
        /** What can be stored as it is; empty where that is not certain (`takeApart`). */
        readonly ciphertext: Range;
      }
    | {
        readonly kind: "signed";
        readonly signed: Range;
        /** What is kept of the body. Unprotected text beside signed text is not kept, so that no client can show it. */
        readonly kept: Range;
        readonly signatures: readonly SignatureFacts[];
      }
    | { readonly kind: Exclude<Protection["kind"], "sealed" | "signed"> };
  /** Ciphertext in a message that is not sealed as a whole: one that can be opened apart, others, or none. */
  readonly holds: FoundCiphertext["kind"];
  /** SHA-256. */
  readonly hash: Uint8Array;
};

/** Reads a whole message; hundreds of milliseconds for a large one. Never throws. */
export function examine(message: Uint8Array): Examined {
  const found = foundIn(message);
  return {
    found,
    // What a sealed message holds is looked for in what it opens to.
    holds: found.kind === "sealed" ? "none" : findCiphertext(message).kind,
    hash: createHash("sha256").update(message).digest(),
  };
}

function foundIn(message: Uint8Array): Examined["found"] {
  const protection = detectProtection(message);
  switch (protection.kind) {
    case "sealed": {
      const end = message.length;
      return {
        kind: "sealed",
        ciphertext: ciphertextIn(message, protection) ?? { start: end, end },
      };
    }
    case "signed": {
      const { signedBytes, signatures } = protection;
      const start = signedBytes.byteOffset - message.byteOffset;
      const signed = { start, end: start + signedBytes.length };
      return { kind: "signed", signed, kept: bodyWithoutSurroundings(message), signatures };
    }
    case "inline":
    case "smime":
    case "none":
      return { kind: protection.kind };
  }
}
