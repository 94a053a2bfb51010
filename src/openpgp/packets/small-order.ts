/** Points of small order in little-endian hex: keys made of them keep nothing secret (RFC 7748 §6, RFC 8032 §8.9). */
const POINTS: Readonly<Record<"x25519" | "ed25519" | "x448" | "ed448", readonly string[]>> = {
  x25519: [
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
  ],
  ed25519: [
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
  ],
  // p = 2^448 - 2^224 - 1: 0, 1, p - 1, p, p + 1.
  x448: [
    "00".repeat(56),
    `01${"00".repeat(55)}`,
    `fe${"ff".repeat(27)}fe${"ff".repeat(27)}`,
    `${"ff".repeat(28)}fe${"ff".repeat(27)}`,
    `${"00".repeat(28)}${"ff".repeat(28)}`,
  ],
  ed448: [
    "00".repeat(57),
    `01${"00".repeat(56)}`,
    `fe${"ff".repeat(27)}fe${"ff".repeat(27)}00`,
    `${"ff".repeat(28)}fe${"ff".repeat(27)}00`,
    `${"00".repeat(28)}${"ff".repeat(28)}00`,
  ],
};

/** True when the native octets of a Curve25519 or Curve448 key of that algorithm are a point of small order. */
export function isSmallOrder(algorithm: number, octets: Uint8Array): boolean {
  const kind = {
    18: "x25519",
    22: "ed25519",
    25: "x25519",
    26: "x448",
    27: "ed25519",
    28: "ed448",
  }[algorithm] as keyof typeof POINTS | undefined;
  if (kind === undefined) return false;
  const point = Buffer.from(octets);
  // The top bit is the sign (Ed25519, Ed448) or ignored (X25519).
  if (kind !== "x448") point[point.length - 1] = (point.at(-1) ?? 0) & 0x7f;
  return POINTS[kind].includes(point.toString("hex"));
}
