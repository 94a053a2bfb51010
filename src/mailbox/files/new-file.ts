import { readlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { codeOf } from "../../base/errors.ts";
import { holdFolder } from "./held-folder.ts";

const FILE_MODE = 0o600;

/**
 * Writes a file that is not there yet, for its owner alone, in the folder that the path names: a link on the way could lead
 * it to where somebody else wants it. It is durable when this returns. @throws Error of the system
 */
export async function writeNewFile(
  path: string,
  octets: Uint8Array,
): Promise<"written" | "there-already" | "link"> {
  const whole = resolve(path);
  const held = await holdFolder(dirname(whole)).catch((error: unknown) => {
    if (codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  });
  if (held === undefined) return "link";
  await using folder = held;
  if ((await readlink(folder.at)) !== dirname(whole)) return "link";
  const file = join(folder.at, basename(whole));
  return await writeFile(file, octets, { flag: "wx", mode: FILE_MODE, flush: true }).then(
    () => "written" as const,
    (error: unknown) => {
      if (codeOf(error) === "EEXIST") return "there-already" as const;
      throw error;
    },
  );
}
