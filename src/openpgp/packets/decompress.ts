import { promisify } from "node:util";
import { inflate, inflateRaw } from "node:zlib";

import { errorText } from "../../base/errors.ts";
import { cursorOver } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { Unsupported } from "./unsupported.ts";

/** Compression algorithms (RFC 9580 §9.4). */
const UNCOMPRESSED = 0;
const ZIP = 1;
const ZLIB = 2;
const BZIP2 = 3;

const MAX_OCTETS = 64 * 1024 * 1024;
const MAX_RATIO = 100;
/** However well it compresses, so little harms nobody. */
const ALWAYS_ALLOWED_OCTETS = 1024 * 1024;

/**
 * What is in a compressed data packet (RFC 9580 §5.6), off the event loop and bounded: a hundred times the compressed size,
 * 64 MiB. BZip2 is not read: Node has none, what there is in JavaScript takes seconds, and our certificates do not ask for it.
 * @throws Unsupported for BZip2 and for what grows beyond the limit
 * @throws Damaged
 */
export async function decompress(body: Uint8Array): Promise<Buffer> {
  const cursor = cursorOver(body);
  const algorithm = cursor.octet();
  const data = cursor.rest();
  if (algorithm === UNCOMPRESSED) return data;
  if (algorithm !== ZIP && algorithm !== ZLIB) {
    throw new Unsupported(
      algorithm === BZIP2 ? "BZip2 compression" : `compression ${String(algorithm)}`,
    );
  }
  const byRatio = Math.max(ALWAYS_ALLOWED_OCTETS, MAX_RATIO * data.length);
  const options = { maxOutputLength: Math.min(MAX_OCTETS, byRatio) };
  try {
    return algorithm === ZIP
      ? await inflateRawAsync(data, options)
      : await inflateAsync(data, options);
  } catch (error) {
    if (isTooLarge(error)) throw new Unsupported("compressed data that grows too much");
    throw new Damaged(`compressed data: ${errorText(error)}`);
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "code") === "ERR_BUFFER_TOO_LARGE";
}

const inflateAsync = promisify(inflate);
const inflateRawAsync = promisify(inflateRaw);
