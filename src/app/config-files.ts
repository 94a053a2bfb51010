/** The files that a configuration names: each fault says which file, in which field and line, and what to do. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createSecureContext } from "node:tls";

import { codeOf, errorText } from "../base/errors.ts";
import { mayOthersRead } from "../base/private-file.ts";
import type { At, Config } from "../config/config.ts";
import { SERVICE_KEY_BYTES } from "../vault/service-key.ts";
import { readEscrowCertificate } from "./escrow-file.ts";
import { hopFileProblems } from "./hop-problems.ts";
import {
  certificatesIn,
  type Chain,
  type Key,
  privateKeyIn,
  readTrouble,
  readUsable,
  ROOTS,
} from "./pem-files.ts";

/** Certificate and key of the listeners. */
export async function tlsProblems(config: Config, at: At): Promise<readonly string[]> {
  const { certificateFile, keyFile } = config.tls;
  const ofCertificate = at("tls", "certificate_file");
  const ofKey = at("tls", "key_file");
  const chain = await readUsable(certificateFile, certificatesIn, "name the server's, PEM");
  const key = await readUsable(keyFile, privateKeyIn, "name the certificate's private key, PEM");
  const problems = [
    ...("problem" in chain ? [`${ofCertificate}: ${chain.problem}`] : []),
    ...("problem" in key ? [`${ofKey}: ${key.problem}`] : []),
  ];
  if ("problem" in chain) return problems;
  const [certificate] = chain.value.certificates;
  if (certificate === undefined) return problems;
  const keyserverName = config.listen.keyserver?.name ?? config.hostname;
  const unnamed = [
    { name: config.hostname, field: "hostname" },
    ...(keyserverName === config.hostname
      ? []
      : [{ name: keyserverName, field: "listen.keyserver.name" }]),
  ].filter(({ name }) => certificate.checkHost(name) === undefined);
  return [
    ...problems,
    ...("problem" in key ? [] : pairProblems(config.tls, chain.value, key.value, ofKey)),
    ...unnamed.map(
      ({ name, field }) =>
        `${ofCertificate}: ${certificateFile} does not name ${name} (${field}); get one that does`,
    ),
  ];
}

function pairProblems(
  { certificateFile, keyFile }: Config["tls"],
  { pem, certificates: [certificate] }: Chain,
  { pem: keyPem, key }: Key,
  place: string,
): readonly string[] {
  if (certificate?.checkPrivateKey(key) !== true) {
    return [
      `${place}: ${keyFile} is not the key of the first certificate in ${certificateFile}; name two that match`,
    ];
  }
  try {
    createSecureContext({ cert: pem, key: keyPem });
    return [];
  } catch (thrown) {
    return [
      `${place}: ${keyFile} and ${certificateFile} cannot be used for TLS (${errorText(thrown)}); get others`,
    ];
  }
}

/** The other files of a process that holds the service key. */
export async function gatewayFileProblems(config: Config, at: At): Promise<readonly string[]> {
  const { discovery, escrow, log } = config;
  const ca = discovery.caFile;
  const authorities = ca === undefined ? undefined : await readUsable(ca, certificatesIn, ROOTS);
  const escrowProblem = await escrowProblemOf(escrow.certificateFile);
  return [
    ...(await serviceKeyProblems(config, at)),
    ...(authorities !== undefined && "problem" in authorities
      ? [`${at("discovery", "ca_file")}: ${authorities.problem}`]
      : []),
    ...(await hopFileProblems(config, at)),
    ...(escrowProblem === undefined
      ? []
      : [`${at("escrow", "certificate_file")}: ${escrowProblem}`]),
    ...(log.file === undefined ? [] : await writtenProblems(log.file, at("log", "file"))),
    ...(await writtenProblems(config.publishedFile, at("database", "published_file"))),
    ...(config.storage.bodies === "folder" ? await bodiesProblems(config, at) : []),
    ...(config.database.engine === "sqlite"
      ? await writtenProblems(config.database.path, at("database", "path"))
      : []),
  ];
}

async function escrowProblemOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    await readEscrowCertificate(file);
    return undefined;
  } catch (thrown) {
    const why = readTrouble(thrown);
    return why === undefined
      ? `${errorText(thrown)}; name the organisation's`
      : `${file} ${why}; name the organisation's OpenPGP certificate`;
  }
}

/** A file that is made when it is first written needs a folder in which this user may do so. */
async function writtenProblems(file: string, place: string): Promise<readonly string[]> {
  const folder = dirname(file);
  try {
    const isFolder = (await stat(folder)).isDirectory();
    if (!isFolder) return [`${place}: ${folder} is no folder; name a file in one`];
  } catch (thrown) {
    return [`${place}: ${folder} ${readTrouble(thrown) ?? errorText(thrown)}; make that folder`];
  }
  try {
    if ((await stat(file)).isDirectory()) return [`${place}: ${file} is a folder; name a file`];
    await access(file, constants.W_OK);
    return [];
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") return [`${place}: ${file} ${writeTrouble(thrown)}`];
  }
  try {
    await access(folder, constants.W_OK);
    return [];
  } catch (thrown) {
    return [`${place}: ${folder} ${writeTrouble(thrown)}`];
  }
}

/** A folder that is made when it is first written, or is there and its user's alone. */
async function bodiesProblems({ storage }: Config, at: At): Promise<readonly string[]> {
  const path = storage.bodiesFolder;
  const place = at("storage", "bodies_folder");
  try {
    const found = await stat(path).catch(absent);
    if (found === undefined) return await writtenProblems(path, place);
    if (!found.isDirectory()) return [`${place}: ${path} is a file; name a folder`];
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return mayOthersRead(path, found.mode)
      ? [`${place}: others may look into ${path}; run: chmod 700 ${path}`]
      : [];
  } catch (thrown) {
    return [`${place}: ${path} ${writeTrouble(thrown)}`];
  }
}

function absent(thrown: unknown): undefined {
  if (codeOf(thrown) !== "ENOENT") throw thrown;
  return undefined;
}

/** The configuration is there, so `sealpost init` makes no key any more; and a new one opens nothing of what is stored. */
const NO_NEW_KEY =
  "put the service key back from its own backup; if it is lost for good, see docs/operate/keys.md (after the loss of the service key)";

async function serviceKeyProblems({ secrets }: Config, at: At): Promise<readonly string[]> {
  const path = secrets.serviceKeyFile;
  const place = at("secrets", "service_key_file");
  try {
    const { size, mode } = await stat(path);
    return [
      ...(size === SERVICE_KEY_BYTES
        ? []
        : [`${place}: ${path} does not hold ${SERVICE_KEY_BYTES} bytes; ${NO_NEW_KEY}`]),
      ...(mayOthersRead(path, mode)
        ? [`${place}: others may read ${path}; run: chmod 600 ${path}`]
        : []),
    ];
  } catch (thrown) {
    return [`${place}: ${path} ${readTrouble(thrown) ?? errorText(thrown)}; ${NO_NEW_KEY}`];
  }
}

function writeTrouble(thrown: unknown): string {
  return `may not be written by this user (${String(codeOf(thrown))}); let the user that runs Sealpost own it`;
}
