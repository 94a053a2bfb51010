import type { Readable } from "node:stream";

import type { Share } from "./budget.ts";

const PAGE_OCTETS = 64 * 1024;

export type Collected =
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large" }
  /** All connections together hold too much now. */
  | { readonly kind: "no-room" }
  /** The client went away, or the signal came, before the end. */
  | { readonly kind: "broken" };

/**
 * All that a stream gives, up to a limit; what is beyond is read and thrown away, because the client hears the refusal
 * only after it has sent everything. Small chunks share pages, so that a message in a million pieces costs no more memory.
 */
export async function collect(
  stream: Readable,
  limitOctets: number,
  signal: AbortSignal,
  room: Share,
): Promise<Collected> {
  const full: Buffer[] = [];
  let page = Buffer.alloc(0);
  let used = 0;
  let total = 0;
  let hasRoom = true;
  const keep = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length;) {
      if (used === page.length) {
        if (page.length > 0) full.push(page);
        page = Buffer.allocUnsafe(PAGE_OCTETS);
        used = 0;
      }
      const copied = chunk.copy(page, used, at);
      at += copied;
      used += copied;
    }
  };
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      if (signal.aborted) return { kind: "broken" };
      const bytes = chunk as Buffer;
      total += bytes.length;
      hasRoom &&= total > limitOctets || room.take(bytes.length);
      if (hasRoom && total <= limitOctets) {
        keep(bytes);
      } else {
        full.length = 0;
        room[Symbol.dispose]();
      }
    }
  } catch {
    return { kind: "broken" };
  }
  if (signal.aborted) return { kind: "broken" };
  if (total > limitOctets) return { kind: "too-large" };
  if (!hasRoom) return { kind: "no-room" };
  return { kind: "whole", bytes: Buffer.concat([...full, page.subarray(0, used)]) };
}
