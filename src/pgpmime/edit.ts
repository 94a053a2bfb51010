/** Bytes to stand in place of a range of others. */
export type Edit = {
  readonly start: number;
  readonly end: number;
  readonly bytes: readonly Uint8Array[];
};

/** The bytes from `from` on with all edits made; edits may come in any order and do not overlap. */
export function applyEdits(
  bytes: Uint8Array,
  edits: readonly Edit[],
  from: number,
): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = from;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    pieces.push(bytes.subarray(at, edit.start), ...edit.bytes);
    at = edit.end;
  }
  return [...pieces, bytes.subarray(at)];
}
