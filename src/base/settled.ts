/** What became of all of them: the reasons of those that failed. */
export async function failuresOf(all: readonly Promise<void>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(all);
  return settled.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
}
