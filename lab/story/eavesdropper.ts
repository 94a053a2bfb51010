/** Looks for secrets in what went over the wire, also where an encoding hides them from a plain search. */

const BASE64_GROUP = 3;

/** The names of the secrets of which anything can be found in `capture`. */
export function secretsIn(
  capture: Uint8Array,
  secrets: Readonly<Record<string, readonly Uint8Array[]>>,
): readonly string[] {
  const raw = Buffer.from(capture);
  const text = raw.toString("latin1");
  const haystacks = [
    raw,
    // Base64 goes on over the ends of lines; in an encoded word the underscore is a space.
    Buffer.from(text.replaceAll(/\s+/g, ""), "latin1"),
    fromQuotedPrintable(text),
    fromPercent(text),
  ];
  return Object.entries(secrets)
    .filter(([, needles]) => {
      const written = needles.flatMap((needle) => [Buffer.from(needle), ...base64Forms(needle)]);
      return written.some((form) => haystacks.some((haystack) => haystack.includes(form)));
    })
    .map(([name]) => name);
}

/** How base64 writes these bytes inside a longer run: one form for each place in a group of three. */
function base64Forms(bytes: Uint8Array): readonly Buffer[] {
  return [0, 1, 2].map((before) => {
    const usable = bytes.length - ((before + bytes.length) % BASE64_GROUP);
    const padded = Buffer.concat([Buffer.alloc(before), bytes.subarray(0, usable)]);
    // The first group also holds bits of what stands before.
    const certain = padded.toString("base64").slice(before === 0 ? 0 : 4);
    return Buffer.from(certain);
  });
}

function fromQuotedPrintable(text: string): Buffer {
  return Buffer.from(
    text.replaceAll(/=\r?\n/g, "").replaceAll(/=([0-9A-F]{2})/gi, byteOf),
    "latin1",
  );
}

function fromPercent(text: string): Buffer {
  return Buffer.from(text.replaceAll(/%([0-9A-F]{2})/gi, byteOf), "latin1");
}

function byteOf(_: string, hex: string): string {
  return String.fromCodePoint(Number.parseInt(hex, 16));
}
