import { randomUUID } from "node:crypto";
import { link, open, readlink, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { codeOf } from "../../base/errors.ts";
import { syncFolder } from "../../blobs/body-files.ts";
import { holdFolder } from "./held-folder.ts";

const FILE_MODE = 0o600;

/**
 * Writes a file that is not there yet, for its owner alone, in the folder that the path names: a link on the way could lead
 * it to where somebody else wants it. It is whole and durable when this returns, and else not there. @throws Error of the system
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
  const unfinished = join(folder.at, `.sealpost-${randomUUID()}`);
  try {
    await writeDurable(unfinished, octets);
    await link(unfinished, join(folder.at, basename(whole)));
  } catch (error) {
    if (codeOf(error) === "EEXIST") return "there-already";
    throw error;
  } finally {
    await unlink(unfinished).catch(() => undefined);
  }
  await syncFolder(folder.at);
  return "written";
}

async function writeDurable(path: string, octets: Uint8Array): Promise<void> {
  await using file = await open(path, "wx", FILE_MODE);
  await file.writeFile(octets);
  await file.sync();
}
