/** Which header fields are protected, and how a reader tells (RFC 9788). */
import { asBuffer } from "../base/bytes.ts";
import { isResultField } from "../mail/auth-results.ts";
import {
  fieldBody,
  fieldsNamed,
  type Header,
  type HeaderField,
  makeField,
} from "../mail/header.ts";

/** What stands outside instead of the subject (RFC 9788 §3.2.1, `hcp_baseline`). */
const HIDDEN_SUBJECT = "[...]";
/** Also only inside; Thread-Topic is Outlook's second Subject. */
const REMOVED_OUTSIDE = new Set(["comments", "keywords", "thread-topic"]);
/** Fields whose loss outside the reader of an older program should not suffer (RFC 9788 §1.9, "user-facing"). */
const USER_FACING = ["subject", "comments", "keywords"];
/** Neither inside nor outside: who got a blind copy, what only a receiver may say, and what only we may write. */
const NEVER_SENT = new Set(["bcc", "resent-bcc", "x-sealpost-require", "hp-outer"]);
/**
 * Written by the relays on the way and not by the author: such fields stay outside and are not protected (RFC 5322 §3.6.7).
 * `Resent-` fields are text of the person who sends, so they are copied inside like all others.
 */
const WRITTEN_BY_RELAYS = new Set(["received", "return-path", "delivered-to", "x-original-to"]);

/** Fields that say how the body is built (RFC 9788 §1.7); they move with it. */
export function isStructural(field: HeaderField): boolean {
  const name = field.name.toLowerCase();
  return name === "mime-version" || name.startsWith("content-");
}

/** The fields of a submitted header that may leave at all, garbage lines left out. */
export function sendableFields(header: Header): Header {
  return header.filter(
    (field) =>
      field.name !== "" && !NEVER_SENT.has(field.name.toLowerCase()) && !isResultField(field),
  );
}

/** The fields that the author vouches for: all but the structural ones and those of relays. */
export function authoredFields(header: Header): Header {
  return sendableFields(header).filter(
    (field) => !isStructural(field) && !WRITTEN_BY_RELAYS.has(field.name.toLowerCase()),
  );
}

/** What everybody on the way may see of the header: subject hidden, comments and keywords gone, From as it is. */
export function outerFields(header: Header): Header {
  return sendableFields(header)
    .filter((field) => !isStructural(field) && !REMOVED_OUTSIDE.has(field.name.toLowerCase()))
    .map((field) =>
      field.name.toLowerCase() === "subject" ? makeField(field.name, HIDDEN_SUBJECT) : field,
    );
}

/** One `HP-Outer` for each authored field that stands outside (RFC 9788 §2.2.1): so the reader knows what was hidden. */
export function hpOuterFields(header: Header): Header {
  return authoredFields(outerFields(header)).map(({ name, raw }) => {
    const bytes = asBuffer(raw);
    const value = bytes.subarray(bytes.indexOf(":") + 1);
    const line = Buffer.concat([Buffer.from(`HP-Outer: ${name}:`), value]);
    return { name: "HP-Outer", raw: line };
  });
}

/** The fields that vanish or change outside and that people read: what a legacy display repeats (RFC 9788 §2.1.2). */
export function hiddenFromReaders(header: Header): Header {
  return sendableFields(header).filter(({ name }) => USER_FACING.includes(name.toLowerCase()));
}

/** A peer's protected fields, without what only the receiving side may state. */
export function authoredByPeer(payloadHeader: Header): Header {
  const foreign = new Set([...WRITTEN_BY_RELAYS, "hp-outer", "authentication-results"]);
  return payloadHeader.filter(
    (field) =>
      field.name !== "" &&
      !isStructural(field) &&
      !isResultField(field) &&
      !foreign.has(field.name.toLowerCase()) &&
      !field.name.toLowerCase().startsWith("arc-"),
  );
}

/** The outer fields as the sender wrote them, in the form in which `outerEntry` gives a field to compare. */
export function hpOuterEntries(payloadHeader: Header): ReadonlySet<string> {
  return new Set(
    fieldsNamed(payloadHeader, "hp-outer").map((field) => {
      const [, name = "", value = ""] = /^([^:]*):([\s\S]*)$/.exec(fieldBody(field)) ?? [];
      return `${name.trim().toLowerCase()}:${value.trim()}`;
    }),
  );
}

export function outerEntry(field: HeaderField): string {
  return `${field.name.toLowerCase()}:${fieldBody(field)}`;
}
