/** HKP v1 (draft-shaw-openpgp-hkp-00 §3, §5): armor, a list for machines, a page for people. */
import { crc32 } from "node:zlib";

import { toUnixSeconds } from "../base/time.ts";
import { absent, foundHeaders, KEPT, malformed, notImplemented } from "./answers.ts";
import { armored, bundle } from "./armor.ts";
import { readEntries, type Entry } from "./entries.ts";
import { absentPage, listPage } from "./pages.ts";
import { parseQuery } from "./query.ts";
import { answered, type Question, type Tell } from "./question.ts";

const KEYS = "application/pgp-keys";
const LINES = "text/plain; charset=utf-8";
const HEADERS = {
  byAddress: {
    keys: foundHeaders(KEPT.byAddress, KEYS),
    lines: foundHeaders(KEPT.byAddress, LINES),
  },
  byId: { keys: foundHeaders(KEPT.byId, KEYS), lines: foundHeaders(KEPT.byId, LINES) },
} as const;

/** Makes the function that reads the question in a query string of `/pks/lookup`. */
export function makeHkp(): (query: string) => Question {
  const tellArmored =
    (headers: readonly string[]): Tell =>
    (found) => {
      const bytes = bundle(found);
      return {
        status: 200,
        headers,
        body: armored(bytes),
        etag: crc32(bytes).toString(36),
        fileName: `${found[0]?.fingerprint ?? ""}.asc`,
      };
    };
  const tell = {
    byAddress: {
      get: tellArmored(HEADERS.byAddress.keys),
      lines: tellLines(HEADERS.byAddress.lines),
      page: tellPage(KEPT.byAddress),
    },
    byId: {
      get: tellArmored(HEADERS.byId.keys),
      lines: tellLines(HEADERS.byId.lines),
      page: tellPage(KEPT.byId),
    },
  };
  return (query) => {
    const read = parseQuery(query);
    if (read.kind === "malformed") return answered(malformed);
    if (read.kind === "not-implemented") return answered(notImplemented);
    const { operation, isMachineReadable, search } = read;
    const form = operation === "get" ? "get" : isMachineReadable ? "lines" : "page";
    return {
      kind: "lookup",
      search,
      // Version 6 makes GnuPG drop the whole answer.
      onlyVersion4: true,
      tell: tell[search.kind === "id" ? "byId" : "byAddress"][form],
      absent: form === "page" ? absentPage : absent,
    };
  };
}

function tellLines(headers: readonly string[]): Tell {
  return async (found, now) => {
    const body = machineReadableIndex(await readEntries(found, now));
    return { status: 200, headers, body };
  };
}

function tellPage(cache: string): Tell {
  return async (found, now) => listPage(cache, await readEntries(found, now));
}

/** `info`, `pub` and `uid` lines; clients skip what they do not know. */
function machineReadableIndex(entries: readonly Entry[]): string {
  const lines = entries.flatMap((entry) => {
    const { fingerprint, created, algorithm, userIds } = entry.certificate;
    const at = String(toUnixSeconds(created));
    const expires = entry.expiresAt === undefined ? "" : String(toUnixSeconds(entry.expiresAt));
    const flags = `${entry.isRevoked ? "r" : ""}${entry.isExpired ? "e" : ""}`;
    return [
      `pub:${fingerprint}:${String(algorithm.id)}:${String(algorithm.bits)}:${at}:${expires}:${flags}`,
      ...userIds.map((userId) => `uid:${escaped(userId)}:${at}::`),
    ];
  });
  return [`info:1:${String(entries.length)}`, ...lines, ""].join("\n");
}

/** Everything but plain ASCII without `:` and `%` is percent-encoded. */
function escaped(userId: string): string {
  return [...Buffer.from(userId, "utf8")]
    .map((octet) =>
      octet > 0x20 && octet < 0x7f && octet !== 0x3a && octet !== 0x25
        ? String.fromCharCode(octet)
        : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}
