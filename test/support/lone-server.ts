/** One Sealpost without a lab around it: mail comes in by LMTP and stays. For whoever ends it, or its database. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { makePki } from "../../lab/pki.ts";
import { startProcess, type LabProcess } from "../../lab/process.ts";
import { runOk, sealpostCommand } from "../../lab/run.ts";
import type { Place } from "../../lab/world.ts";
import { MINUTE } from "../../src/base/time.ts";
import { RawSmtp } from "./raw-smtp.ts";
import { openVault } from "../../src/app/open-vault.ts";
import { loadConfig } from "../../src/config/config.ts";
import { nameTag } from "../../src/mailbox/embedded/names.ts";
import { makeTags } from "../../src/store/keys/tag-key.ts";
import { idAt } from "./accounts.ts";
import { addressOf } from "./address.ts";

const HOST = "127.0.0.1";
export const READER = "rosa@alpha.test";
export const PASSWORD = "the password of rosa";
/** As long as a loaded machine needs; the first that is ready goes on at once. */
const READY_TIMEOUT_MS = 3 * MINUTE;

export type LoneServer = {
  readonly config: string;
  /** Starts a role; `places` are where it listens, by the names that it prints. */
  readonly serve: (
    role: "all" | "gateway" | "keyserver",
    env?: Readonly<Record<string, string>>,
  ) => Promise<Serving>;
};

export type Serving = AsyncDisposable & {
  readonly process: LabProcess;
  readonly place: (name: string) => Place;
  readonly log: () => Promise<string>;
};

/**
 * Makes an installation in `dir` with one account. `database` is the table of the configuration file, `program` the command
 * line of Sealpost, which may be that of another checkout.
 */
export async function makeLoneServer(
  dir: string,
  database: Readonly<Record<string, string>>,
  extra: Readonly<Record<string, unknown>> = {},
  program: string = sealpostCommand,
): Promise<LoneServer> {
  const pki = await makePki(join(dir, "pki"));
  const tls = await pki.issue(["mail.alpha.test", "keys.alpha.test"]);
  await mkdir(join(dir, "secrets"), { recursive: true, mode: 0o700 });
  await writeFile(join(dir, "secrets/service.key"), randomBytes(32), { mode: 0o600 });
  const config = join(dir, "sealpost.toml");
  const any = { host: HOST, port: 0 };
  await writeFile(
    config,
    stringify({
      domains: ["alpha.test"],
      hostname: "mail.alpha.test",
      database,
      tls: { certificate_file: tls.certFile, key_file: tls.keyFile },
      // Nobody answers there: no mail of these tests asks anything.
      resolver: { host: HOST, port: 9 },
      listen: { lmtp: any, keyserver: any, metrics: any },
      ...extra,
    }),
  );
  await addAccount(config, READER, program);
  return installedAt(dir, program);
}

/** Adds an account whose password is `PASSWORD`, and whose keys the gateway opens by itself. */
export async function addAccount(
  config: string,
  address: string,
  program: string = sealpostCommand,
): Promise<void> {
  const add = ["account", "add", address, "--custody", "provider", "--password-stdin"];
  await runOk(program, [...add, "--config", config], { input: PASSWORD });
}

/** The installation that is in a folder already. */
export function installedAt(dir: string, program: string = sealpostCommand): LoneServer {
  const config = join(dir, "sealpost.toml");
  let count = 0;
  return {
    config,
    serve: async (role, env = {}) => {
      count += 1;
      const logFile = join(dir, `${role}-${String(count)}.log`);
      await writeFile(logFile, "");
      const roles = role === "all" ? ["gateway", "keyserver"] : [role];
      const log = async (): Promise<string> => readFile(logFile, "utf8");
      const process = await startProcess({
        name: role,
        command: program,
        args: ["serve", "--role", role, "--config", config],
        cwd: dir,
        env,
        logFile,
        readyTimeoutMs: READY_TIMEOUT_MS,
        isReady: async () => {
          const text = await log();
          return roles.every((one) => new RegExp(`^ready ${one} .*\n`, "m").test(text));
        },
      });
      const text = await log();
      return {
        process,
        log,
        [Symbol.asyncDispose]: async () => process.stop(),
        place: (name) => {
          const whole = new RegExp(`^ready .*\\b${name}=[^ ]*:(\\d+)(?: .*)?\n`, "m");
          const [, port = ""] = whole.exec(text) ?? [];
          assert(port !== "", `${role} does not listen at ${name}`);
          return { host: HOST, port: Number(port) };
        },
      };
    },
  };
}

/** Delivers a message by LMTP. @returns the reply to its text, or to the command that was refused. */
export async function deliverTo(lmtp: Place, messageId: string): Promise<string> {
  await using client = await RawSmtp.connect(lmtp);
  for (const line of [
    "LHLO relay.test",
    "MAIL FROM:<sender@beta.test>",
    `RCPT TO:<${READER}>`,
    "DATA",
  ]) {
    const reply = await client.ask(line);
    if (!/^[23]/.test(reply)) return reply;
  }
  const header = `From: sender@beta.test\r\nTo: ${READER}\r\nMessage-ID: ${messageId}\r\n`;
  return await client.ask(`${header}Subject: ${messageId}\r\n\r\n${messageId}\r\n.`);
}

/** What `/readyz` answers. */
export async function readiness(
  metrics: Place,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ ...metrics, path: "/readyz", timeout: MINUTE }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    });
    request.on("error", reject);
  });
}

/** The tags that stand in the database for Message-IDs of the reader's mail. */
export async function readersTags(
  { config }: Pick<LoneServer, "config">,
  messageIds: readonly string[],
): Promise<readonly string[]> {
  await using vault = await openVault(await loadConfig(config));
  const account = await idAt(vault.store, addressOf(READER));
  return await makeTags(
    vault.store,
    messageIds.map((id) => nameTag(account, id)),
  );
}
