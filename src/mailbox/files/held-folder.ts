/**
 * Folders whose owner may put a link in their place while somebody else works in them: a user's Maildir that the operator
 * imports. Such a folder is opened once, and never through a link. What it holds is reached by what was opened, as openat(2)
 * does it. Node has no such call, so the way leads over `/proc/self/fd` (proc_pid_fd(5)).
 */
import type { Stats } from "node:fs";
import { constants, open } from "node:fs/promises";

/** A folder that stays the one that was opened, whatever takes its place. */
export type HeldFolder = AsyncDisposable & {
  /** A path to it that holds until it is disposed. */
  readonly at: string;
  readonly stats: Stats;
};

/** @throws Error of the system: ENOENT, and ENOTDIR where a link or a file stands there */
export async function holdFolder(path: string): Promise<HeldFolder> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const handle = await open(path, flags);
  try {
    const stats = await handle.stat();
    return {
      at: placeOf(handle),
      stats,
      [Symbol.asyncDispose]: async () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A path to what was opened; as a link it says where that is (readlink(2)). */
export function placeOf({ fd }: { readonly fd: number }): string {
  return `/proc/self/fd/${String(fd)}`;
}
