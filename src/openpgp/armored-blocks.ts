import { asBuffer } from "../base/bytes.ts";

/** One block of ASCII armor (RFC 9580 §6.2): `PUBLIC KEY BLOCK` and its octets. */
export type ArmoredBlock = { readonly label: string; readonly data: Uint8Array };

const BEGIN = /^-----BEGIN PGP ([A-Z ]{1,40})-----$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Every block of a text, in order; text around them, armor headers and the checksum, which protects nothing, are
 * ignored. Undefined when a block does not end, nests or is not base64. Linear time; the caller limits the size.
 */
export function readArmoredBlocks(bytes: Uint8Array): readonly ArmoredBlock[] | undefined {
  const blocks: ArmoredBlock[] = [];
  const lines = asBuffer(bytes)
    .toString("latin1")
    .split(/\r\n|\n|\r/);
  for (let line = 0; line < lines.length; line += 1) {
    const label = BEGIN.exec((lines[line] ?? "").trimEnd())?.[1];
    if (label === undefined) continue;
    const end = endOf(lines, line + 1, label);
    const data = end === undefined ? undefined : decode(lines.slice(line + 1, end));
    if (end === undefined || data === undefined) return undefined;
    blocks.push({ label, data });
    line = end;
  }
  return blocks;
}

function endOf(lines: readonly string[], from: number, label: string): number | undefined {
  for (let line = from; line < lines.length; line += 1) {
    const text = (lines[line] ?? "").trimEnd();
    if (text === `-----END PGP ${label}-----`) return line;
    if (text.startsWith("-----")) return undefined;
  }
  return undefined;
}

/** Headers end at an empty line; without one there are none. */
function decode(lines: readonly string[]): Uint8Array | undefined {
  const empty = lines.findIndex((line) => line.trim() === "");
  const hasHeaders = empty > 0 && lines.slice(0, empty).every((line) => line.includes(": "));
  const body = (hasHeaders || empty === 0 ? lines.slice(empty + 1) : lines).map((line) =>
    line.trim(),
  );
  const checksum = body.findIndex((line) => /^=[A-Za-z0-9+/]{4}$/.test(line));
  const text = (checksum === -1 ? body : body.slice(0, checksum)).join("");
  return BASE64.test(text) && text.length > 0 ? Buffer.from(text, "base64") : undefined;
}
