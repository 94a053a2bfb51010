/**
 * The keys of a GnuPG home that somebody else may have written to. Its key files alone are copied into a private folder:
 * the home's options name programs, which would run as the operator.
 */
import { execFile } from "node:child_process";
import { constants, open, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { codeOf, AppError } from "../base/errors.ts";
import { UsageError } from "./command.ts";

const run = promisify(execFile);
const GPG_TIMEOUT_MS = 30_000;
/** Maximum size of a key that is exported. */
const MAX_KEY_OCTETS = 1024 * 1024;
/** Maximum size of one file that is copied. */
const MAX_FILE_OCTETS = 1024 * 1024 * 1024;
/** What holds certificates, by the age of GnuPG. `trustdb.gpg` is not needed, `*.conf` is what must not come along. */
const PUBLIC_FILES = ["pubring.kbx", "pubring.gpg"];
const SECRET_FOLDER = "private-keys-v1.d";
const KEYBOX_FOLDER = "public-keys.d";
const KEYBOX_FILE = "pubring.db";
const SECRET_NAME = /^[0-9A-F]{40}\.key$/;

/** Copies of a home's keys; disposing deletes them, and ends what GnuPG started beside them. */
export type GnupgHome = AsyncDisposable & {
  /** The secret keys of a user ID. */
  readonly exportSecretKeys: (userId: string) => Promise<ExportedKeys>;
};

/** What is there for a user ID. A key with a passphrase is `locked`, because nobody is asked for it. */
export type ExportedKeys =
  | { readonly kind: "exported"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" | "locked" };

/** @throws UsageError when the home cannot be read; AppError when it is not as GnuPG makes one. */
export async function openGnupgHome(home: string): Promise<GnupgHome> {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sealpost-gnupg-"));
  opening.defer(async () => rm(folder, { recursive: true, force: true }));
  await copyKeys(home, folder);
  opening.defer(async () => {
    await run("gpgconf", ["--homedir", folder, "--kill", "all"]).catch(() => undefined);
  });
  const copied = opening.move();
  return {
    exportSecretKeys: async (userId) => gpgExport(folder, userId),
    [Symbol.asyncDispose]: async () => copied.disposeAsync(),
  };
}

async function copyKeys(home: string, folder: string): Promise<void> {
  for (const name of PUBLIC_FILES) await copyFile(join(home, name), join(folder, name));
  await mkdir(join(folder, SECRET_FOLDER), { mode: 0o700 });
  const secrets = await readdir(join(home, SECRET_FOLDER)).catch(() => []);
  for (const name of secrets.filter((one) => SECRET_NAME.test(one))) {
    await copyFile(join(home, SECRET_FOLDER, name), join(folder, SECRET_FOLDER, name));
  }
  const keybox = join(home, KEYBOX_FOLDER, KEYBOX_FILE);
  if ((await lstat(keybox).catch(() => undefined)) === undefined) return;
  await mkdir(join(folder, KEYBOX_FOLDER), { mode: 0o700 });
  await copyFile(keybox, join(folder, KEYBOX_FOLDER, KEYBOX_FILE));
  // The one option that says where the certificates are; it is ours, and not the home's.
  await writeFile(join(folder, "common.conf"), "use-keyboxd\n", { mode: 0o600 });
}

/** Regular files alone, and never through a link: what is behind one is not the home's. */
async function copyFile(from: string, to: string): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(from, flags).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw notKeys(from);
  });
  if (file === undefined) return;
  await using _file = file;
  const stats = await file.stat();
  if (!stats.isFile() || stats.size > MAX_FILE_OCTETS) throw notKeys(from);
  await writeFile(to, await file.readFile(), { mode: 0o600, flag: "wx" });
}

function notKeys(file: string): AppError {
  return new AppError(`${file} is no ordinary file that can be read; nothing is imported`, {
    temporary: false,
  });
}

async function gpgExport(folder: string, userId: string): Promise<ExportedKeys> {
  const exported = await gpg(folder, ["--export-secret-keys", userId]);
  if (exported !== undefined && exported.length > 0) return { kind: "exported", bytes: exported };
  const listed = await gpg(folder, ["--with-colons", "--list-secret-keys", userId]);
  const isThere = listed !== undefined && /^sec:/m.test(Buffer.from(listed).toString("latin1"));
  return { kind: isThere ? "locked" : "absent" };
}

/** What it wrote; undefined when it says that it could not. @throws AppError when it came to no end. */
async function gpg(folder: string, args: readonly string[]): Promise<Uint8Array | undefined> {
  const quiet = ["--homedir", folder, "--no-options", "--batch", "--no-tty"];
  const alone = ["--pinentry-mode", "error", "--no-auto-key-locate", "--disable-dirmngr"];
  try {
    const { stdout } = await run("gpg", [...quiet, ...alone, ...args], {
      encoding: "buffer",
      timeout: GPG_TIMEOUT_MS,
      maxBuffer: MAX_KEY_OCTETS,
    });
    return stdout;
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT") {
      throw new UsageError(
        "gpg is not installed: it has to read its own home (Debian package gnupg)",
      );
    }
    if (typeof code === "number") return undefined;
    throw new AppError("gpg did not end in time, or wrote too much", { temporary: false, cause });
  }
}
