/**
 * How folders are named in files: as Maildir++ has it (`.Sent`, `.Work.2026`, in modified UTF-7), and as the names of mbox files
 * (`Sent.mbox`). A folder whose name holds `/` is one below another.
 */
import { createHash } from "node:crypto";

import { STANDARD_FOLDERS, type StandardFolder } from "../mailbox.ts";
import { fromModifiedUtf7, toModifiedUtf7 } from "./modified-utf7.ts";

/** The longest name that file systems take, in octets. */
const MAX_FILE_NAME = 255;
/** Maximum length of the name of a folder in the mailbox, in UTF-16 units. */
const MAX_NAME = 100;
export const MBOX_ENDING = ".mbox";

/** What Maildir++ and file systems use themselves is encoded in the parts of a name. */
const NOT_IN_PARTS = "./~";

/** A standard folder as people see its name. */
export function standardName(word: StandardFolder): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

/** The folder below a Maildir, with the dot that it begins with; "" for the inbox, which is the Maildir itself. */
export function maildirFolder(name: string): string {
  if (name === standardName("inbox")) return "";
  return fitting(name, (text) => `.${partsOf(text).map(maildirPart).join(".")}`);
}

function maildirPart(part: string): string {
  return toModifiedUtf7(part, NOT_IN_PARTS);
}

/** An empty part would be lost, so such a name is one part. */
function partsOf(name: string): readonly string[] {
  const parts = name.split("/");
  return parts.includes("") ? [name] : parts;
}

/** The name of a folder below a Maildir, given without its first dot. What is no modified UTF-7 is taken as it is. */
export function folderOfMaildir(folder: string): string {
  const parts = folder.split(".").map((part) => fromModifiedUtf7(part) ?? part);
  return usable(parts.join("/"));
}

/** The mbox file of a folder. */
export function mboxFile(name: string): string {
  return fitting(name, (text) => {
    const encoded = text.replaceAll(/[%/\p{C}]|^\./gu, encodeURIComponentStrictly);
    return `${encoded}${MBOX_ENDING}`;
  });
}

function encodeURIComponentStrictly(sign: string): string {
  return [...Buffer.from(sign)].map((octet) => `%${octet.toString(16).padStart(2, "0")}`).join("");
}

/** The name of the folder that an mbox file holds. */
export function folderOfMbox(file: string): string {
  const name = file.endsWith(MBOX_ENDING) ? file.slice(0, -MBOX_ENDING.length) : file;
  try {
    return usable(decodeURIComponent(name));
  } catch {
    return usable(name);
  }
}

/** The encoded name; of one that is too long the beginning, with digits that tell it from others. */
function fitting(name: string, encode: (text: string) => string): string {
  const whole = encode(name);
  if (Buffer.byteLength(whole) <= MAX_FILE_NAME) return whole;
  const digits = createHash("sha256").update(name).digest("hex").slice(0, 16);
  for (let length = name.length - 1; ; length -= 1) {
    const beginning = name.slice(0, length);
    // Half a character is none.
    if (length > 0 && !beginning.isWellFormed()) continue;
    const cut = encode(`${beginning}-${digits}`);
    if (Buffer.byteLength(cut) <= MAX_FILE_NAME) return cut;
  }
}

/** As a mailbox takes it. */
function usable(name: string): string {
  const text = name.normalize("NFC").replaceAll(/\p{C}/gu, "").trim();
  return text.slice(0, MAX_NAME).toWellFormed().trim() || "Imported";
}

/** What other programs call the standard folders. */
const OTHER_NAMES: Readonly<Record<string, StandardFolder>> = {
  "sent items": "sent",
  "sent messages": "sent",
  "sent mail": "sent",
  draft: "drafts",
  archives: "archive",
  spam: "junk",
  "junk e-mail": "junk",
  bin: "trash",
  "deleted items": "trash",
  "deleted messages": "trash",
};

/** The standard folder that a program means by a name. */
export function standardNamed(name: string): StandardFolder | undefined {
  const folded = name.toLowerCase();
  return STANDARD_FOLDERS.find((word) => word === folded) ?? OTHER_NAMES[folded];
}
