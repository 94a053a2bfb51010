/**
 * Waits for all of them, whatever happens, and only then fails with the first failure: so that nothing is still starting
 * when the caller begins to stop what has started.
 */
export async function together<T extends readonly unknown[] | []>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
