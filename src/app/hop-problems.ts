/** What is wrong with the next hops of a configuration: fields that contradict each other, and files that cannot be used. */
import { stat } from "node:fs/promises";

import { errorText } from "../base/errors.ts";
import { isLoopback } from "../base/network.ts";
import { mayOthersRead } from "../base/private-file.ts";
import type { At, Fields } from "../config/config.ts";
import { passwordIn } from "../smtp/relay/log-in.ts";
import { type Entry, entriesOf, type Relaying } from "./hops.ts";
import { certificatesIn, readTrouble, readUsable, ROOTS } from "./pem-files.ts";

type HopField = keyof Entry;
type Fault = readonly [field: HopField, message: string];

/** Fields that contradict each other. An operator must not believe in a check that nobody makes. */
export function hopFieldProblems(
  { relay }: { readonly relay: Relaying },
  { at, isGiven }: Fields,
): readonly string[] {
  const { socket } = relay;
  const isTwoPlaces =
    socket !== undefined && (isGiven("relay", "host") || isGiven("relay", "port"));
  const twoPlaces = "stands beside host or port; name one of the two";
  return [
    ...(isTwoPlaces ? [`${at("relay", "socket")}: ${twoPlaces}`] : []),
    ...entriesOf(relay).flatMap(({ path, entry }) =>
      [...placeFaults(entry), ...tlsFaults(entry), ...loginFaults(entry)].map(
        ([field, message]) => `${at(...path, named(field))}: ${message}`,
      ),
    ),
  ];
}

function placeFaults({ protocol, socket, port }: Entry): readonly Fault[] {
  // RFC 2033 §5.
  return protocol === "lmtp" && socket === undefined && port === 25
    ? [["port", "nobody may speak LMTP at port 25; name the mail server's port for it"]]
    : [];
}

function tlsFaults({ tls, socket, serverName, caFile }: Entry): readonly Fault[] {
  if (tls === "required") {
    const message = "a socket has no name of its own; say in server_name which one to require";
    return socket !== undefined && serverName === undefined ? [["tls", message]] : [];
  }
  const message = 'no certificate is checked without tls = "required"; set that, or leave this out';
  return [
    ...(caFile === undefined ? [] : [["caFile", message] as const]),
    ...(serverName === undefined ? [] : [["serverName", message] as const]),
  ];
}

function loginFaults({ user, passwordFile, tls, socket, host = "" }: Entry): readonly Fault[] {
  if ((user === undefined) !== (passwordFile === undefined)) {
    const message = "user and password_file need each other; set both or none";
    return [[user === undefined ? "passwordFile" : "user", message]];
  }
  const isLocal = socket !== undefined || host === "localhost" || isLoopback(host);
  return user === undefined || tls === "required" || isLocal
    ? []
    : [["user", 'a password goes to another host only with tls = "required"; set that']];
}

/** The files that next hops are spoken to with. */
export async function hopFileProblems(
  { relay }: { readonly relay: Relaying },
  at: At,
): Promise<readonly string[]> {
  const all = entriesOf(relay).flatMap(({ path, entry: { caFile, passwordFile } }) => [
    ...(caFile === undefined ? [] : [authoritiesProblem(caFile, at(...path, "ca_file"))]),
    ...(passwordFile === undefined
      ? []
      : [passwordProblem(passwordFile, at(...path, "password_file"))]),
  ]);
  return (await Promise.all(all)).flat();
}

async function authoritiesProblem(file: string, place: string): Promise<readonly string[]> {
  const read = await readUsable(file, certificatesIn, ROOTS);
  return "problem" in read ? [`${place}: ${read.problem}`] : [];
}

async function passwordProblem(file: string, place: string): Promise<readonly string[]> {
  try {
    const { mode } = await stat(file);
    await passwordIn(file);
    return mayOthersRead(file, mode)
      ? [`${place}: others may read ${file}; run: chmod 600 ${file}`]
      : [];
  } catch (thrown) {
    const why = readTrouble(thrown);
    return [
      `${place}: ${why === undefined ? errorText(thrown) : `${file} ${why}`}; write the password that the mail server knows there, on one line`,
    ];
  }
}

/** As the field is called in the file. */
function named(field: HopField): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
