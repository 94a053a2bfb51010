/** Flags of messages in files: the letters of Maildir file names, and the fields that mbox programs write. */
import { fieldBody, fieldsNamed, makeField, type Header } from "../../mail/header.ts";
import { readKeywords } from "../embedded/keywords.ts";
import type { Flag } from "../mailbox.ts";

/** What a file says of a message: its flags, that it was thrown away, and the words that its reader gave it. */
export type FileMarks = {
  readonly flags: readonly Flag[];
  /** Also of what Thunderbird has deleted: it keeps such mail in the file until that is compacted. */
  readonly isTrash: boolean;
  /** None where one of them is none that a mailbox takes. */
  readonly keywords: readonly string[];
};

const LETTERS: Readonly<Record<Flag, string>> = {
  flagged: "F",
  forwarded: "P",
  answered: "R",
  seen: "S",
};

/** What follows the unique part of a Maildir file name; its letters are in the order of ASCII. */
export function maildirInfo(flags: readonly Flag[], isDraft: boolean): string {
  const letters = [...flags.map((flag) => LETTERS[flag]), ...(isDraft ? ["D"] : [])];
  return `:2,${letters.toSorted().join("")}`;
}

/** What a Maildir file name says. */
export function marksOfName(file: string): FileMarks {
  const [, letters = ""] = /[:;!]2,([A-Za-z]*)/.exec(file) ?? [];
  const flags = (Object.keys(LETTERS) as Flag[]).filter((flag) => letters.includes(LETTERS[flag]));
  return { flags, isTrash: letters.includes("T"), keywords: [] };
}

/**
 * The fields by which mbox programs keep flags and lengths. A sender may write them too, so that none of theirs is kept at import,
 * nor given to other programs at export.
 */
export const MBOX_FIELDS: ReadonlySet<string> = new Set([
  "status",
  "x-status",
  "x-keywords",
  "x-uid",
  "x-imap",
  "x-imapbase",
  "x-mozilla-status",
  "x-mozilla-status2",
  "x-mozilla-keys",
  "content-length",
]);

/** The fields that tell mbox programs of flags and keywords. */
export function mboxFields(
  flags: readonly Flag[],
  isDraft: boolean,
  keywords: readonly string[],
): Header {
  const more = [
    flags.includes("answered") ? "A" : "",
    flags.includes("flagged") ? "F" : "",
    isDraft ? "T" : "",
  ].join("");
  return [
    makeField("Status", flags.includes("seen") ? "RO" : "O"),
    ...(more === "" ? [] : [makeField("X-Status", more)]),
    ...(flags.includes("forwarded") ? [makeField("X-Mozilla-Status", "1000")] : []),
    ...keywordsField(keywords),
  ];
}

/** The reader's own words. */
export function keywordsField(keywords: readonly string[]): Header {
  return keywords.length === 0 ? [] : [makeField("X-Keywords", keywords.join(" "), { utf8: true })];
}

/** Bits of X-Mozilla-Status. */
const MOZILLA = {
  seen: 0x1,
  answered: 0x2,
  flagged: 0x4,
  deleted: 0x8,
  forwarded: 0x1000,
} as const;

/**
 * What the fields of a message in an mbox file say. The program that kept the file wrote them, or the sender did, where that program
 * left them as they were: no message is left out because of them.
 */
export function marksOfFields(header: Header): FileMarks {
  const textOf = (name: string): string => fieldsNamed(header, name).map(fieldBody).join(" ");
  const [status, more] = [textOf("Status"), textOf("X-Status")];
  const bits = Number.parseInt(/^[0-9a-f]{1,8}/i.exec(textOf("X-Mozilla-Status"))?.[0] ?? "0", 16);
  const has = (bit: keyof typeof MOZILLA): boolean => (bits & MOZILLA[bit]) !== 0;
  const words = textOf("X-Keywords")
    .split(/[\s,]+/)
    .filter((word) => word !== "");
  const said: Readonly<Record<Flag, boolean>> = {
    seen: status.includes("R") || has("seen"),
    answered: more.includes("A") || has("answered"),
    flagged: more.includes("F") || has("flagged"),
    forwarded: has("forwarded"),
  };
  return {
    flags: (Object.keys(said) as Flag[]).filter((flag) => said[flag]),
    isTrash: more.includes("D") || has("deleted"),
    keywords: readKeywords(words) ?? [],
  };
}
