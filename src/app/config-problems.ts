/** What is wrong with a configuration beyond its text: the files that it names, and places that cannot be right. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { resolve } from "node:path";
import { errorText } from "../base/errors.ts";
import { isLoopback } from "../base/network.ts";
import { mayOthersRead } from "../base/private-file.ts";
import { placeIn } from "../config/line.ts";
import { type Config, ConfigError, parseConfig, readText } from "../config/load.ts";
import { SERVICE_KEY_BYTES } from "../keys/service-key.ts";

/** `holdsServiceKey`: of a process that reads the service key; the keyserver's may not even see its folder. */
export type Checks = { readonly holdsServiceKey: boolean };

/** Where a field stands, for the beginning of a message. */
type Place = (...path: readonly string[]) => string;

/** The configuration in a file, when nothing is wrong with it. @throws ConfigError with each fault and what to do. */
export async function checkedConfig(file: string, checks: Checks): Promise<Config> {
  const text = await readText(file);
  const config = parseConfig(text, resolve(file));
  const at: Place = (...path) => placeIn(text, config.file, path);
  const problems = [
    ...(await tlsProblems(config, at)),
    ...(checks.holdsServiceKey ? await serviceKeyProblems(config, at) : []),
    ...relayProblems(config, at),
    ...listenerProblems(config, at),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

async function tlsProblems(
  { tls, hostname, listen }: Config,
  at: Place,
): Promise<readonly string[]> {
  const [atCertificate, atKey] = [at("tls", "certificate_file"), at("tls", "key_file")];
  const problems: string[] = [];
  const certificate = await readPem(tls.certificateFile, (pem) => new X509Certificate(pem), {
    at: atCertificate,
    what: "a certificate",
    problems,
  });
  const key = await readPem<KeyObject>(tls.keyFile, (pem) => createPrivateKey(pem), {
    at: atKey,
    what: "a private key",
    problems,
  });
  if (certificate === undefined) return problems;
  if (key !== undefined && !certificate.checkPrivateKey(key)) {
    problems.push(
      `${atKey}: ${tls.keyFile} is not the key of ${tls.certificateFile}; name two that match`,
    );
  }
  const names = new Set([hostname, listen.keyserver?.name ?? hostname]);
  for (const name of names) {
    if (certificate.checkHost(name) !== undefined) continue;
    problems.push(
      `${atCertificate}: ${tls.certificateFile} does not name ${name}; get one that does`,
    );
  }
  return problems;
}

/** What a PEM file holds; undefined, and a problem more, when it cannot be read or holds something else. */
async function readPem<Value>(
  path: string,
  parse: (pem: Buffer) => Value,
  o: { readonly at: string; readonly what: string; readonly problems: string[] },
): Promise<Value | undefined> {
  let pem: Buffer;
  try {
    pem = await readFile(path);
  } catch (thrown) {
    o.problems.push(`${o.at}: ${errorText(thrown)}; name ${o.what} of this server, PEM`);
    return undefined;
  }
  try {
    return parse(pem);
  } catch {
    // What the parser says names a place in its own source, and could show a key.
    o.problems.push(`${o.at}: ${path} does not hold ${o.what} in PEM, or one with a password`);
    return undefined;
  }
}

/** Mail that leaves must not come back to our own door. */
export function relayProblems(
  { relay, listen }: Pick<Config, "relay" | "listen">,
  at: Place,
): readonly string[] {
  return [listen.mx, listen.lmtp, listen.submission, listen.submissionStarttls]
    .filter((place) => place?.port === relay.port && isSameHost(place.host, relay.host))
    .map((place) => {
      const where = `${relay.host}:${relay.port}`;
      return `${at("relay", "port")}: ${where} is our own listener at port ${place?.port}; name the mail server's`;
    });
}

function isSameHost(listening: string, host: string): boolean {
  const isHere = host === "localhost" || isLoopback(host);
  return listening === host || (isHere && isEverywhere(listening));
}

const isEverywhere = (host: string): boolean => host === "0.0.0.0" || host === "::";

/** Of two listeners at one address and port the second could not start. */
export function listenerProblems({ listen }: Pick<Config, "listen">, at: Place): readonly string[] {
  const places = Object.entries(listen).flatMap(([name, place]) =>
    place === undefined || place.port === 0
      ? []
      : [{ field: snakeCase(name), host: place.host, port: place.port }],
  );
  return places.flatMap((one, index) =>
    places
      .slice(0, index)
      .filter(({ host, port }) => port === one.port && meets(host, one.host))
      .map(({ field }) => {
        const other = at("listen", field, "port");
        return `${at("listen", one.field, "port")}: ${one.host}:${one.port} is taken by ${other}; give one of them another port`;
      }),
  );
}

/** Whether two listeners would take the same connections; `::` listens at all IPv4 addresses as well. */
function meets(one: string, other: string): boolean {
  const covers = (whole: string, part: string): boolean =>
    whole === "::" || (whole === "0.0.0.0" && !isIPv6(part));
  return one === other || covers(one, other) || covers(other, one);
}

const snakeCase = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

async function serviceKeyProblems({ secrets }: Config, at: Place): Promise<readonly string[]> {
  const path = secrets.serviceKeyFile;
  const place = at("secrets", "service_key_file");
  try {
    const { size, mode } = await stat(path);
    return [
      ...(size === SERVICE_KEY_BYTES
        ? []
        : [`${place}: ${path} does not hold ${SERVICE_KEY_BYTES} bytes`]),
      ...(mayOthersRead(path, mode)
        ? [`${place}: others may read ${path}; run: chmod 600 ${path}`]
        : []),
    ];
  } catch (thrown) {
    return [
      `${place}: ${errorText(thrown)}; a new installation gets one from sealpost init. If it was lost, see docs/operate/keys.md`,
    ];
  }
}
