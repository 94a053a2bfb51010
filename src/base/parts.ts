/** The items in their order, in parts of at most `count`; no part of no items. */
export function* partsOf<T>(items: readonly T[], count: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += count) yield items.slice(at, at + count);
}
