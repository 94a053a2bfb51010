/** What a user said about the digest of their mail that left in clear; undefined: nothing, and the installation decides. */
export type DigestWish = "on" | "off";

/** All words of `DigestWish`. */
export const DIGEST_WISHES: readonly DigestWish[] = ["on", "off"];

/** Whether a user gets the digest. */
export function isDigestOn(wish: DigestWish | undefined, isDefault: boolean): boolean {
  return wish === undefined ? isDefault : wish === "on";
}
