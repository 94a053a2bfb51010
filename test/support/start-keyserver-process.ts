import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { IssuedCertificate } from "../../lab/pki.ts";
import { startProcess, type LabProcess } from "../../lab/process.ts";

const HOST = "127.0.0.1";

export type KeyserverProcess = AsyncDisposable & {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
};

/** Starts the keyserver role in a process of its own. `database` is the table of the configuration file. */
export async function startKeyserverProcess(options: {
  readonly dir: string;
  readonly name: string;
  readonly tls: IssuedCertificate;
  readonly database: Readonly<Record<string, string>>;
}): Promise<KeyserverProcess> {
  const { dir, name, tls, database } = options;
  const config = join(dir, `${name}.toml`);
  const logFile = join(dir, `${name}.log`);
  await writeFile(logFile, "");
  await writeFile(
    config,
    [
      `domains = ["alpha.test"]`,
      `hostname = "keys.alpha.test"`,
      "[database]",
      ...Object.entries(database).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
      "[tls]",
      `certificate_file = ${JSON.stringify(tls.certFile)}`,
      `key_file = ${JSON.stringify(tls.keyFile)}`,
      "[listen.keyserver]",
      `host = "${HOST}"`,
      "port = 0",
      "",
    ].join("\n"),
  );
  const running: LabProcess = await startProcess({
    name,
    command: process.execPath,
    args: [join(import.meta.dirname, "keyserver-process.ts"), config],
    logFile,
    isReady: async () => /^ready\b/m.test(await readFile(logFile, "utf8")),
  });
  const [, port = ""] = /^ready .*:(\d+)$/m.exec(await readFile(logFile, "utf8")) ?? [];
  return {
    pid: running.pid,
    host: HOST,
    port: Number(port),
    [Symbol.asyncDispose]: async () => running.stop(),
  };
}
