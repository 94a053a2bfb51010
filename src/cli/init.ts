import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { makeDatabase } from "../app/database.ts";
import { sealedBytes } from "../app/sealed-bytes.ts";
import { codeOf, AppError, errorText } from "../base/errors.ts";
import { type Config, parseConfig } from "../config/config.ts";
import { annotatedFile } from "../config/describe.ts";
import { parseDomain } from "../mail/address.ts";
import { SERVICE_KEY_BYTES } from "../vault/service-key.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { zoneLines, zoneText } from "./dns.ts";
import { requireSafePlaces } from "./safe-places.ts";

/** `init --domain D`. */
export const initCommand: Command = {
  name: "init",
  operands: [],
  summary: "write a configuration, create database and service key, print the DNS records",
  options: {
    domain: { value: "D", help: "the mail domain to serve" },
    hostname: { value: "NAME", help: "the name of this server (default: mail.D)" },
    keyserver: { value: "NAME", help: "the name of the keyserver (default: keys.D)" },
  },
  run: init,
};

async function init(call: Call): Promise<ExitCode> {
  const domain = nameGiven(call, "domain");
  const file = resolve(call.configFile);
  const text = annotatedFile({
    domains: [domain],
    hostname: nameGiven(call, "hostname", `mail.${domain}`),
    "listen.submission": true,
    "listen.submission_starttls": true,
    "listen.mx": true,
    "listen.keyserver.name": nameGiven(call, "keyserver", `keys.${domain}`),
    "listen.metrics": true,
  });
  const config = parseConfig(text, file);
  await requireSafePlaces([
    { path: file, isSecret: false },
    { path: config.secrets.serviceKeyFile, isSecret: true },
    ...(config.database.engine === "sqlite"
      ? [{ path: config.database.path, isSecret: false }]
      : []),
  ]);
  if (!(await writeNew(file, HEADING + text, 0o640))) {
    throw new UsageError(
      `${file} exists and is left as it is; edit it, or name another with --config FILE`,
    );
  }
  const isKeyNew = await makeServiceKey(config);
  await makeDatabase(config.database);
  const records = zoneLines(config, domain);
  return answer(call, { config: file, records }, [
    `wrote ${file}`,
    `${isKeyNew ? "wrote" : "kept"} ${config.secrets.serviceKeyFile} (the service key: keep it out of dumps and backups)`,
    "created the database",
    "",
    `Put these lines into the zone of ${domain}:`,
    "",
    ...zoneText(records),
    "",
    `Let the next hop (${config.relay.host}:${String(config.relay.port)}) take what submission takes once it is sealed; Postfix: postconf -e message_size_limit=${String(sealedBytes(config.limits))}`,
    `Next: name certificate and key under [tls], then: sealpost config check --config ${file}`,
  ]);
}

const HEADING = `# Configuration of Sealpost. Paths are relative to this file.
# "#" right before a field: commented out, with its default or an example. All fields: sealpost config describe
`;

function nameGiven(call: Call, option: string, otherwise?: string): string {
  const given = call.option(option) ?? otherwise;
  if (given === undefined)
    throw new UsageError(`--${option} is missing; see: sealpost init --help`);
  const name = parseDomain(given);
  if (name === undefined) throw new UsageError(`--${option} ${given} is not a domain name`);
  return name;
}

/** Writes a file that is not there yet; false when it is: nothing of an operator's is ever overwritten. */
async function writeNew(
  file: string,
  content: string | Uint8Array,
  mode: number,
): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: "wx", mode, flush: true });
    return true;
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return false;
    throw new AppError(`${file} cannot be written (${errorText(cause)})`, {
      temporary: false,
      cause,
    });
  }
}

/** False when there is one: keys may be wrapped under it. */
async function makeServiceKey({ secrets }: Config): Promise<boolean> {
  const file = secrets.serviceKeyFile;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const key = randomBytes(SERVICE_KEY_BYTES);
  try {
    return await writeNew(file, key, 0o600);
  } finally {
    key.fill(0);
  }
}
