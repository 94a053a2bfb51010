/** Another process that has the file locked for writing, as a command has it. */
import { spawn } from "node:child_process";
import { once } from "node:events";

const PROGRAM = `
  const { DatabaseSync } = require("node:sqlite");
  const database = new DatabaseSync(process.argv[1]);
  database.exec("begin immediate");
  process.stdout.write("held");
  setTimeout(() => { database.exec("rollback"); }, Number(process.argv[2]));`;

/** Resolves once it is locked, for so long. */
export async function lockElsewhere(
  path: string,
  ms: number,
): Promise<{ readonly unlocked: Promise<unknown> }> {
  const child = spawn(process.execPath, ["-e", PROGRAM, path, String(ms)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  return { unlocked: ended };
}
