import { encodeCharset, isAsciiSuperset } from "./charset.ts";

/**
 * The text in a named character set, where what the set cannot say is a `?`. Undefined for a set that is not known, or in which
 * text cannot be put before other text. The platform only decodes, so the tables are made by decoding all that there is.
 */
export function encodeText(text: string, charset: string): Uint8Array | undefined {
  const whole = encodeCharset(text, charset);
  if (whole !== undefined) return whole;
  const label = charset.trim().toLowerCase();
  const table = isAsciiSuperset(label) ? tableOf(label) : label === JIS ? jisTable() : undefined;
  if (table === undefined) return undefined;
  const octets = Array.from(text, (character) =>
    character <= "\x7f" ? Buffer.from(character, "latin1") : (table.get(character) ?? UNSAID),
  );
  return label === JIS ? withoutIdleChanges(Buffer.concat(octets)) : Buffer.concat(octets);
}

/** A change to ASCII and back with nothing between: some programs take that for an attack. */
function withoutIdleChanges(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replaceAll(`${TO_ASCII}${TO_JIS}`, ""), "latin1");
}

const TO_ASCII = "\x1b(B";
const TO_JIS = "\x1b$B";

type Table = ReadonlyMap<string, Buffer>;

const JIS = "iso-2022-jp";
const UNSAID = Buffer.from("?", "latin1");
const HIGHEST = 0xff;

/** Sets in which ASCII is one octet; undefined when nobody knows the name. */
function tableOf(label: string): Table | undefined {
  // What the platform calls ISO 8859-1 is Windows-1252: the lower half is another there.
  const first = label.startsWith("iso-8859-") || label.startsWith("iso8859") ? 0xa0 : 0x80;
  const single = range(first, HIGHEST).map((octet) => Buffer.of(octet));
  const alone = decodedLines(single, label);
  if (alone === undefined || !OF_PAIRS.test(label)) return alone;
  const pairs = range(0x81, 0xfe).flatMap((lead) =>
    range(0x40, 0xfe).map((trail) => Buffer.of(lead, trail)),
  );
  return new Map([...(decodedLines(pairs, label) ?? []), ...alone]);
}

const OF_PAIRS = /^(?:shift_jis|sjis|big5|gb|euc-|ks_c)/;

/** Each character stands between two changes of the set, so that it can stand anywhere in ASCII. */
function jisTable(): Table | undefined {
  const codes = range(0x21, 0x7e).flatMap((row) =>
    range(0x21, 0x7e).map((cell) =>
      Buffer.concat([Buffer.from(TO_JIS), Buffer.of(row, cell), Buffer.from(TO_ASCII)]),
    ),
  );
  return decodedLines(codes, JIS);
}

/** Decodes each of the codes in a line of its own, and keeps those that are exactly one character. */
function decodedLines(codes: readonly Buffer[], label: string): Table | undefined {
  const lines = decodeAll(Buffer.concat(codes.flatMap((code) => [code, NEWLINE])), label)?.split(
    "\n",
  );
  if (lines === undefined) return undefined;
  const table = new Map<string, Buffer>();
  for (const [index, line] of lines.entries()) {
    const code = codes[index];
    const [character, other] = Array.from(line);
    const isOne = character !== undefined && other === undefined && character !== "\ufffd";
    if (isOne && code !== undefined && !table.has(character)) table.set(character, code);
  }
  return table;
}

const NEWLINE = Buffer.from("\n");

function decodeAll(bytes: Uint8Array, label: string): string | undefined {
  try {
    return new TextDecoder(label, { ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
