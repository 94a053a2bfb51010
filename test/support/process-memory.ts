/** Searching the memory of a process that we started, as who has its core dump can. */
import { open, readFile } from "node:fs/promises";

const CHUNK_OCTETS = 8 * 1024 * 1024;

/** How often each of some octet strings stands in what the process can write to. */
export async function countInMemory(
  pid: number,
  needles: Readonly<Record<string, Uint8Array>>,
): Promise<Record<string, number>> {
  const counts = Object.fromEntries(Object.keys(needles).map((name) => [name, 0]));
  const longest = Math.max(...Object.values(needles).map(({ length }) => length));
  const maps = await readFile(`/proc/${String(pid)}/maps`, "utf8");
  await using memory = await open(`/proc/${String(pid)}/mem`, "r");
  const buffer = Buffer.alloc(CHUNK_OCTETS + longest);
  for (const line of maps.split("\n")) {
    const [, from = "", to = "", rights = ""] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (!rights.startsWith("rw")) continue;
    const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    for (let at = start; at < end; at += CHUNK_OCTETS) {
      const length = Math.min(buffer.length, end - at);
      // What was unmapped meanwhile holds nothing.
      const read = await memory.read(buffer, 0, length, at).catch(() => undefined);
      const chunk = buffer.subarray(0, read?.bytesRead ?? 0);
      for (const [name, needle] of Object.entries(needles)) {
        counts[name] = (counts[name] ?? 0) + countIn(chunk, needle);
      }
    }
  }
  return counts;
}

/** Those that begin in the chunk itself; what begins behind it is counted with the next one. */
function countIn(chunk: Buffer, needle: Uint8Array): number {
  let count = 0;
  let hit = chunk.indexOf(needle);
  for (; hit !== -1 && hit < CHUNK_OCTETS; hit = chunk.indexOf(needle, hit + 1)) count += 1;
  return count;
}

/** A text as it may lie in memory: as UTF-8, as UTF-16, and within base64 at each of the three offsets. */
export function formsOf(name: string, text: string): Record<string, Uint8Array> {
  const forms: Record<string, Uint8Array> = {
    [`${name} as UTF-8`]: Buffer.from(text),
    [`${name} as UTF-16`]: Buffer.from(text, "utf16le"),
  };
  for (const offset of [0, 1, 2]) {
    const base64 = Buffer.from("x".repeat(offset) + text).toString("base64");
    // The first and last digits depend on what stands beside it.
    forms[`${name} as base64 at ${String(offset)}`] = Buffer.from(base64.slice(4, -4));
  }
  return forms;
}
