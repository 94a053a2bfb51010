/** What is checked and mended in a submitted message before anything is decided about it. */
import { randomUUID } from "node:crypto";
import { asBuffer } from "../base/bytes.ts";
import { after, DAY, type Clock } from "../base/time.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { stripResultHeaders } from "../mail/auth-results.ts";
import {
  decodedText,
  fieldBody,
  fieldsNamed,
  isHeaderAcceptable,
  makeField,
  parseHeader,
  serializeHeader,
  withoutFields,
  type Header,
} from "../mail/header.ts";
import { readMessageFacts, type MessageFacts } from "../mail/message.ts";
import { decodeBody } from "../mail/entity.ts";
import { scanRoot } from "../mail/mime.ts";
import { dearmor } from "../openpgp/armor.ts";
import { detectProtection, isCiphertext } from "../pgpmime/detect.ts";
import { reply, type Reply } from "../smtp/reply.ts";

export type Prepared = {
  /** The whole message with CRLF line ends: no Bcc, no header of ours, with Date and Message-ID. */
  readonly message: Uint8Array;
  readonly facts: MessageFacts;
  readonly messageId: string;
  /** The messages that this one answers or continues (RFC 5322 §3.6.4), at most fifty. */
  readonly repliesTo: readonly string[];
  /** The sender asked for policy `require` for this message (`X-Sealpost-Require: yes`). */
  readonly isRequired: boolean;
  /** Came encrypted from the client: passed on as it is. */
  readonly isProtected: boolean;
};

export type Preparation =
  | { readonly kind: "ready"; readonly prepared: Prepared }
  | { readonly kind: "refused"; readonly reply: Reply };

const LARGE_HEADER = reply("552", "5.3.4", "the header of the message is too large; not sent");

/** Never sent: who got a blind copy, where it was delivered before, and what only Sealpost may say. */
const REMOVED = new Set(["bcc", "resent-bcc", "return-path", "x-sealpost-require"]);

/** A Date further off than this is replaced: receivers refuse a signature far from its message's date. */
const DATE_TOLERANCE_MS = DAY;

/**
 * Checks that the author is one of the login's own addresses (RFC 6409 §6.1) and adds what RFC 5322 §3.6 demands
 * and a client may leave out. The body is not touched.
 */
export function prepare(
  deps: { readonly clock: Clock; readonly hostname: string },
  own: readonly EmailAddress[],
  message: Uint8Array,
): Preparation {
  if (!isHeaderAcceptable(parseHeader(message))) return { kind: "refused", reply: LARGE_HEADER };
  const { header: submitted, body } = splitSubmitted(message);
  const refusal = refuseAuthor(submitted, own);
  if (refusal !== undefined) return { kind: "refused", reply: refusal };

  const isRequired = fieldsNamed(submitted, "X-Sealpost-Require").some(
    (field) => decodedText(field).trim().toLowerCase() === "yes",
  );
  const cleaned = withoutFields(stripResultHeaders(submitted, [deps.hostname]), REMOVED);
  const { header, messageId } = withRequiredFields(deps, cleaned, readMessageFacts(cleaned));
  const ready = Buffer.concat([serializeHeader(header), Buffer.from("\r\n"), body]);
  return {
    kind: "ready",
    prepared: {
      message: ready,
      facts: readMessageFacts(header),
      messageId,
      repliesTo: repliesTo(header),
      isRequired,
      isProtected: isEncrypted(ready),
    },
  };
}

/**
 * Whether the client encrypted the whole message itself. The container alone proves nothing: what is inside must begin
 * as an encrypted OpenPGP message does, or a broken client would send clear text under this name.
 */
function isEncrypted(message: Uint8Array): boolean {
  const protection = detectProtection(message);
  if (protection.kind === "smime") return isCms(decodeBody(message, scanRoot(message)));
  if (protection.kind !== "sealed" && protection.kind !== "inline") return false;
  const armor = dearmor(protection.ciphertext);
  if (armor.kind === "malformed") return false;
  return isCiphertext(armor.kind === "armored" ? armor.data : protection.ciphertext);
}

/** Content types of CMS that hide their content, in DER: EnvelopedData and AuthEnvelopedData (RFC 8551 §3.2.2). */
const CMS_TYPES = ["06092a864886f70d010703", "060b2a864886f70d0109100117"];
const CMS_START_OCTETS = 32;

/** Whether bytes begin as encrypted CMS does: a SEQUENCE with one of these types. */
function isCms(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, CMS_START_OCTETS));
  return start[0] === 0x30 && CMS_TYPES.some((type) => start.includes(Buffer.from(type, "hex")));
}

/**
 * Header and body of what a client sent. A line in the header that is no field ends it and begins the body, as mail
 * servers have it: so it is kept where its reader will look for it. A leading `From ` line is a mailbox file's, not mail.
 */
export function splitSubmitted(message: Uint8Array): {
  readonly header: Header;
  readonly body: Uint8Array;
} {
  const { header, bodyOffset } = parseHeader(message);
  const fields = header.filter(({ name, raw }) => name !== "" || !isMailboxLine(raw));
  const end = fields.findIndex(({ name }) => name === "");
  const rest = message.subarray(bodyOffset);
  if (end === -1) return { header: fields, body: rest };
  const headerBytes = header.reduce((sum, { raw }) => sum + raw.length, 0);
  const body = Buffer.concat([
    ...fields.slice(end).map(({ raw }) => raw),
    message.subarray(headerBytes, bodyOffset),
    rest,
  ]);
  return { header: fields.slice(0, end), body };
}

function isMailboxLine(raw: Uint8Array): boolean {
  return /^>?From /.test(asBuffer(raw).toString("latin1", 0, 6));
}

function refuseAuthor(header: Header, own: readonly EmailAddress[]): Reply | undefined {
  const { from } = readMessageFacts(header);
  const [author] = from ?? [];
  if (author === undefined || from?.length !== 1 || fieldsNamed(header, "From").length !== 1) {
    return reply("550", "5.6.0", "the message must have exactly one From field with one address");
  }
  if (!own.some((address) => sameAddress(address, author.address))) {
    return reply("550", "5.7.1", "the From address is not one of yours; not sent");
  }
  return undefined;
}

function withRequiredFields(
  deps: { readonly clock: Clock; readonly hostname: string },
  header: Header,
  facts: MessageFacts,
): { readonly header: Header; readonly messageId: string } {
  const now = deps.clock.now();
  const { date } = facts;
  const isDateKept =
    date !== undefined &&
    date >= after(now, -DATE_TOLERANCE_MS) &&
    date <= after(now, DATE_TOLERANCE_MS);
  const dated = isDateKept
    ? header
    : [...withoutFields(header, new Set(["date"])), makeField("Date", rfc5322Date(now))];
  if (facts.messageId !== undefined) return { header: dated, messageId: facts.messageId };
  const messageId = `<${randomUUID()}@${deps.hostname}>`;
  return {
    header: [...withoutFields(dated, new Set(["message-id"])), makeField("Message-ID", messageId)],
    messageId,
  };
}

const MOST_REFERENCES = 50;

function repliesTo(header: Header): readonly string[] {
  // What is answered stands last, so that a long thread never pushes it out.
  const ids = ["References", "In-Reply-To"].flatMap((name) =>
    fieldsNamed(header, name).flatMap((field) => fieldBody(field).match(/<[^<>\s]+>/g) ?? []),
  );
  return [...new Set(ids.reverse())].slice(0, MOST_REFERENCES);
}

/** `Mon, 23 Nov 2026 10:00:00 +0000` (RFC 5322 §3.3). */
function rfc5322Date(date: Date): string {
  return date.toUTCString().replace(/GMT$/, "+0000");
}
