import { asBuffer } from "../../base/bytes.ts";

const CR = 0x0d;
const LF = 0x0a;

/** The octets of base64 between two places of a text, blanks passed over; undefined when it is empty or no base64. */
export function decodeLines(text: Buffer, start: number, end: number): Buffer | undefined {
  const digits = text.subarray(start, end);
  // Node takes the digits of base64url, too.
  if (digits.includes("-") || digits.includes("_")) return undefined;
  const data = decodeEvenLines(digits) ?? decodeStrictly(withoutWhiteSpace(digits));
  return data === undefined || data.length === 0 ? undefined : data;
}

/**
 * Base64 in lines of one length, as programs write it. The decoder passes over what is no digit. So the number of octets
 * that it makes proves that there were digits alone.
 */
function decodeEvenLines(text: Buffer): Buffer | undefined {
  const shape = shapeOf(text);
  if (shape === undefined) return undefined;
  const { width, step } = shape;
  const lines = Math.floor(text.length / step);
  const last = text.toString("latin1", lines * step).trimEnd();
  if (last.length % 4 !== 0) return undefined;
  const output = Buffer.allocUnsafeSlow((lines * width + last.length) * 0.75);
  let written = 0;
  const block = step * Math.ceil(65_536 / step);
  for (let at = 0; at < text.length; at += block) {
    written += output.write(
      text.toString("latin1", at, Math.min(at + block, text.length)),
      written,
      "base64",
    );
  }
  const padding = paddingOf(
    last === "" ? text.subarray(-4 - (step - width)).toString("latin1") : last,
  );
  return written === output.length - padding ? output.subarray(0, written) : undefined;
}

/** Digits per line, and with its end; undefined when lines differ. */
function shapeOf(text: Buffer): { readonly width: number; readonly step: number } | undefined {
  const firstEnd = text.indexOf(LF);
  const isCrlf = text[firstEnd - 1] === CR;
  const width = isCrlf ? firstEnd - 1 : firstEnd;
  if (width < 4 || width % 4 !== 0) return undefined;
  for (let at = firstEnd; at < text.length; at += firstEnd + 1) {
    if (text[at] !== LF || (isCrlf && text[at - 1] !== CR)) return undefined;
  }
  return { width, step: firstEnd + 1 };
}

function decodeStrictly(digits: string): Buffer | undefined {
  if (digits.length % 4 !== 0) return undefined;
  const data = Buffer.from(digits, "base64");
  return data.length === digits.length * 0.75 - paddingOf(digits) ? data : undefined;
}

function withoutWhiteSpace(text: Buffer): string {
  return asBuffer(text)
    .toString("latin1")
    .replaceAll(/[ \t\r\n]+/g, "");
}

function paddingOf(digits: string): number {
  const end = digits.trimEnd();
  return end.endsWith("==") ? 2 : end.endsWith("=") ? 1 : 0;
}
