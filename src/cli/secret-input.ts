import { fixedCopy, Secret } from "../base/secret.ts";
import { type Call, UsageError } from "./command.ts";

const MAX_SECRET_BYTES = 4096;

/** The option of commands whose secrets come on stdin. */
export const SECRETS_ON_STDIN = {
  "password-stdin": { help: "read what is secret from stdin" },
};

/** @throws UsageError when it was not said that secrets are on stdin. */
export function requireStdin(call: Call): void {
  if (!call.has("password-stdin")) {
    throw new UsageError("secrets are read from stdin: say so with --password-stdin");
  }
}

/**
 * The password on stdin, up to its end; one line end at the end is not part of it. At most 4096 bytes.
 * @throws UsageError when stdin is empty, too long or has more than one line.
 */
export async function readPassword(call: Call): Promise<Secret> {
  const all = Buffer.from(await readInput(call, MAX_SECRET_BYTES));
  const end = all.at(-1) === 0x0a ? (all.at(-2) === 0x0d ? -2 : -1) : all.length;
  const password = new Secret(Uint8Array.from(all.subarray(0, end)));
  all.fill(0);
  const bytes = password.reveal();
  if (bytes.length > 0 && !bytes.includes(0x0a) && !bytes.includes(0)) return password;
  password[Symbol.dispose]();
  throw new UsageError(
    "no password on stdin; give it as one line: printf %s PASSWORD | sealpost …",
  );
}

/**
 * Several secrets on stdin, one a line, in the order of `names`, which tell what each is.
 * @throws UsageError when there are fewer or more.
 */
export async function readSecrets(
  call: Call,
  names: readonly string[],
): Promise<readonly Secret[]> {
  const bytes = await readInput(call, names.length * MAX_SECRET_BYTES);
  const lines = linesOf(bytes);
  const isWhole = lines.length === names.length && lines.every(({ length }) => length > 0);
  const secrets =
    isWhole && !bytes.includes(0) ? lines.map((line) => new Secret(fixedCopy(line))) : [];
  bytes.fill(0);
  if (secrets.length === names.length) return secrets;
  throw new UsageError(`give on stdin, one a line: ${names.join(", ")}`);
}

/** Views of the lines, which may be in any encoding; a line end at the end begins no further one. */
function linesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length || lines.length === 0;) {
    const found = bytes.indexOf(0x0a, start);
    const end = found === -1 ? bytes.length : found;
    const isCrlf = found > start && bytes[end - 1] === 0x0d;
    lines.push(bytes.subarray(start, isCrlf ? end - 1 : end));
    start = end + 1;
  }
  return lines;
}

/** As `readPassword` when `--password-stdin` was given, else undefined. */
export async function passwordIfGiven(call: Call): Promise<Secret | undefined> {
  return call.has("password-stdin") ? readPassword(call) : undefined;
}

/** All of stdin. @throws UsageError when it is more than `mostBytes`. */
export async function readInput(call: Call, mostBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of call.terminal.input) {
    const bytes = Buffer.from(chunk as Uint8Array | string);
    chunks.push(bytes);
    size += bytes.length;
    if (size > mostBytes) throw new UsageError("what is on stdin is too long");
  }
  const all = Buffer.concat(chunks);
  for (const chunk of chunks) chunk.fill(0);
  return all;
}
