/** A delimiter line that was met; `level` is the index of its boundary among the open ones. */
export type Hit = {
  readonly level: number;
  readonly isClose: boolean;
  readonly lineStart: number;
  /** The start of the line after it. */
  readonly next: number;
};

/** RFC 2046 §5.1.1 allows 70; real mail goes beyond. */
const MAX_BOUNDARY = 250;
/** With its dashes and some blanks after it. */
const MAX_DELIMITER = 300;
const CR = 13;
const LF = 10;
const DASH = 45;

/** False when it is empty or too long, or when one line could be a delimiter of it and of one that is open already. */
export function isUsableBoundary(open: readonly string[], boundary: string): boolean {
  if (boundary === "" || boundary.length > MAX_BOUNDARY) return false;
  return !open.some(
    (other) => other === boundary || other === `${boundary}--` || `${other}--` === boundary,
  );
}

/** The first delimiter line at or after `from`, which is the start of a line; `open` holds bytes as characters. */
export function findDelimiter(
  bytes: Buffer,
  open: readonly string[],
  from: number,
): Hit | undefined {
  if (open.length === 0) return undefined;
  const first = matchDelimiter(bytes, open, from);
  if (first !== undefined) return first;
  const last = bytes.length - 3;
  for (let at = from; at <= last; at++) {
    if (bytes[at] === LF && bytes[at + 1] === DASH && bytes[at + 2] === DASH) {
      const hit = matchDelimiter(bytes, open, at + 1);
      if (hit !== undefined) return hit;
    }
  }
  return undefined;
}

/**
 * The line at `at` as a delimiter of an open multipart: exactly it, then blanks (RFC 2046 §5.1.1). One look-up a line,
 * so that many open boundaries with a common beginning cost nothing.
 */
export function matchDelimiter(
  bytes: Buffer,
  open: readonly string[],
  at: number,
): Hit | undefined {
  if (bytes[at] !== DASH || bytes[at + 1] !== DASH) return undefined;
  const first = bytes[at + 2];
  if (!open.some((boundary) => boundary.charCodeAt(0) === first)) return undefined;
  const end = lineEnd(bytes, at);
  if (end === undefined) return undefined;
  const line = bytes.toString("latin1", at + 2, trimEnd(bytes, end));
  const place = { lineStart: at, next: Math.min(end + 1, bytes.length) };
  const level = open.indexOf(line);
  if (level !== -1) return { ...place, level, isClose: false };
  const closed = line.endsWith("--") ? open.indexOf(line.slice(0, -2)) : -1;
  return closed === -1 ? undefined : { ...place, level: closed, isClose: true };
}

/** Where the line's LF is, or the bytes end; undefined when the line is too long for a delimiter. */
function lineEnd(bytes: Buffer, at: number): number | undefined {
  const limit = at + MAX_DELIMITER;
  let end = at + 2;
  while (end < bytes.length && bytes[end] !== LF) {
    end++;
    if (end > limit) return undefined;
  }
  return end;
}

function trimEnd(bytes: Buffer, lineFeed: number): number {
  let end = lineFeed;
  if (end < bytes.length && bytes[end - 1] === CR) end--;
  while (bytes[end - 1] === 32 || bytes[end - 1] === 9) end--;
  return end;
}
