/** What reading armor came to. `data` is binary. */
export type Dearmored =
  | { readonly kind: "armored"; readonly label: string; readonly data: Uint8Array }
  | { readonly kind: "not-armored" }
  | { readonly kind: "malformed" };

/** A binary OpenPGP message in ASCII armor with CRLF lines, without headers and checksum (RFC 9580 §6.2). */
export function armorMessage(bytes: Uint8Array): Uint8Array {
  void bytes;
  throw new Error("not written yet");
}

/** Reads the first armor block of a text (RFC 9580 §6.2). Text around it is passed over. */
export function dearmor(bytes: Uint8Array): Dearmored {
  void bytes;
  throw new Error("not written yet");
}
