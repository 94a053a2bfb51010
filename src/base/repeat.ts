/** Does the whole of it again, at most `tries` times in all, while it fails in a way that another try may mend. */
export async function repeatWhile<T>(
  mayMend: (error: unknown) => boolean,
  tries: number,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === tries || !mayMend(error)) throw error;
    }
  }
}
