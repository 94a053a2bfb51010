/** What is wrong with a configuration beyond its text: the files that it names, and places that cannot be right. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { errorText } from "../base/errors.ts";
import { isLoopback } from "../base/network.ts";
import { mayOthersRead } from "../base/private-file.ts";
import { type Config, ConfigError, loadConfig } from "../config/load.ts";
import { SERVICE_KEY_BYTES } from "../keys/service-key.ts";

/** `holdsServiceKey`: of a process that reads the service key; the keyserver's may not even see its folder. */
export type Checks = { readonly holdsServiceKey: boolean };

/** The configuration in a file, when nothing is wrong with it. @throws ConfigError with each fault and what to do. */
export async function checkedConfig(file: string, checks: Checks): Promise<Config> {
  const config = await loadConfig(file);
  const problems = [
    ...(await tlsProblems(config)),
    ...(checks.holdsServiceKey ? await serviceKeyProblems(config) : []),
    ...relayProblems(config),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

async function tlsProblems({ tls, file, hostname, listen }: Config): Promise<readonly string[]> {
  try {
    const certificate = new X509Certificate(await readFile(tls.certificateFile));
    const key = createPrivateKey(await readFile(tls.keyFile));
    const names = new Set([hostname, listen.keyserver?.name ?? hostname]);
    return [
      ...(certificate.checkPrivateKey(key)
        ? []
        : [`${file}: tls.key_file is not the key of tls.certificate_file; name two that match`]),
      ...[...names]
        .filter((name) => certificate.checkHost(name) === undefined)
        .map((name) => `${file}: tls.certificate_file does not name ${name}; get one that does`),
    ];
  } catch (thrown) {
    return [`${file}: tls: ${errorText(thrown)}; name the certificate and key of this server, PEM`];
  }
}

/** Mail that leaves must not come back to our own door. */
export function relayProblems({
  relay,
  listen,
  file,
}: Pick<Config, "relay" | "listen" | "file">): readonly string[] {
  return [listen.mx, listen.lmtp, listen.submission, listen.submissionStarttls]
    .filter((place) => place?.port === relay.port && isSameHost(place.host, relay.host))
    .map((place) => {
      const where = `${relay.host}:${relay.port}`;
      return `${file}: [relay] ${where} is our own listener at port ${place?.port}; name the mail server's`;
    });
}

function isSameHost(listening: string, host: string): boolean {
  const isHere = host === "localhost" || isLoopback(host);
  return listening === host || (isHere && (listening === "0.0.0.0" || listening === "::"));
}

async function serviceKeyProblems({ secrets, file }: Config): Promise<readonly string[]> {
  const path = secrets.serviceKeyFile;
  try {
    const { size, mode } = await stat(path);
    return [
      ...(size === SERVICE_KEY_BYTES
        ? []
        : [`${file}: ${path} does not hold ${SERVICE_KEY_BYTES} bytes`]),
      ...(mayOthersRead(path, mode)
        ? [`${file}: others may read ${path}; run: chmod 600 ${path}`]
        : []),
    ];
  } catch (thrown) {
    return [`${file}: secrets.service_key_file: ${errorText(thrown)}; sealpost init makes one`];
  }
}
