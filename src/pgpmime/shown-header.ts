/** The header that a reader is shown, made from what a payload protects and from what stood outside. */
import { isResultField } from "../mail/auth-results.ts";
import { fieldsNamed, firstField, type Header } from "../mail/header.ts";
import { firstOfSingle, type ProtectedHeader, rewritten } from "./payload-header.ts";
import { isStructural, outerEntry } from "./protected-headers.ts";

/** The fields that people see of a message, and by which they answer it. */
export const DISPLAYED = ["From", "Reply-To", "To", "Cc", "Subject", "Date"] as const;
export type DisplayedField = (typeof DISPLAYED)[number];

/** Fields that relays, lists and filters add outside, and that a reader or a Sieve script expects (RFC 9788 §4.1). */
const ADDED_ON_THE_WAY =
  /^(?:return-path|received|delivered-to|x-original-to|authentication-results|arc-.*|received-spf|list-.*|archived-at|x-spam.*|x-rspamd.*|x-virus.*)$/;
/** Of these what is left beside signed fields: the trace, and what filters wrote for filters. No answer goes by them. */
const ADDED_TO_SIGNED =
  /^(?:return-path|received|delivered-to|x-original-to|received-spf|x-spam.*|x-rspamd.*|x-virus.*)$/;
/** Without these fields a mail program shows nonsense, so the outer ones stand in. */
const NEEDED = ["From", "Date", "Message-ID"] as const;
/** RFC 9788 protects all fields that its author wrote; these two are asked for nevertheless. */
const ALWAYS_INSIDE: readonly DisplayedField[] = ["From", "Date"];
/** An answer goes to the verified author, so an unsigned Reply-To is not shown. */
const SHOWN_UNSIGNED: readonly string[] = DISPLAYED.filter((name) => name !== "Reply-To");

/** The header of a message whose signature counts. */
export type SignedReading = {
  readonly header: Header;
  /** The displayed fields that stand outside and that nobody signed. */
  readonly unsigned: readonly DisplayedField[];
};

/**
 * The header to judge, and to show if the signature is good: the protected fields, and of the outer ones those that were
 * added on the way and the displayed ones that stand there alone. An outer Reply-To, In-Reply-To or References is not
 * among them: only a signed one says where an answer goes and to which conversation a message belongs.
 */
export function signedReading(outer: Header, protectedHeader: ProtectedHeader): SignedReading {
  const inside = fieldsOf(protectedHeader);
  const isAsked = (name: DisplayedField) =>
    usesRfc9788(protectedHeader) ? ALWAYS_INSIDE.includes(name) : true;
  const unsigned = DISPLAYED.filter(
    (name) =>
      isAsked(name) &&
      firstField(inside, name) === undefined &&
      firstField(outer, name) !== undefined,
  );
  const fromOutside = [...unsigned.filter((name) => SHOWN_UNSIGNED.includes(name)), "Message-ID"];
  return {
    header: [
      ...addedOnTheWay(outer, protectedHeader, ADDED_TO_SIGNED),
      ...inside,
      ...standIns(outer, inside, fromOutside),
    ],
    unsigned,
  };
}

/**
 * The header to show where no signature counts: the protected fields if there are any, else all that stood outside.
 * `from: "outer"` shows the outer author, for a message whose inner author is not confirmed (RFC 9788 §4.4.2).
 */
export function unverifiedHeader(
  outer: Header,
  protectedHeader: ProtectedHeader,
  options: { readonly from?: "protected" | "outer" } = {},
): Header {
  if (protectedHeader.kind === "none") return outerHeader(outer);
  const inside = fieldsOf(protectedHeader).filter(
    ({ name }) => options.from !== "outer" || name.toLowerCase() !== "from",
  );
  const isBare = !usesRfc9788(protectedHeader);
  const missing = isBare ? [...DISPLAYED, "Message-ID"] : NEEDED;
  return [...addedOnTheWay(outer, protectedHeader), ...inside, ...standIns(outer, inside, missing)];
}

function fieldsOf(protectedHeader: ProtectedHeader): Header {
  return protectedHeader.kind === "none" ? [] : protectedHeader.fields;
}

function usesRfc9788({ kind }: ProtectedHeader): boolean {
  return kind === "cipher" || kind === "clear";
}

function addedOnTheWay(
  outer: Header,
  protectedHeader: ProtectedHeader,
  names: RegExp = ADDED_ON_THE_WAY,
): Header {
  const known = protectedHeader.kind === "none" ? undefined : protectedHeader.outside;
  return outer
    .filter(
      (field) =>
        names.test(field.name.toLowerCase()) &&
        !isResultField(field) &&
        known?.has(outerEntry(field)) !== true,
    )
    .flatMap(rewritten);
}

/** Of each field the first one outside, where there is none inside. */
function standIns(outer: Header, inside: Header, names: readonly string[]): Header {
  return names
    .filter((name) => fieldsNamed(inside, name).length === 0)
    .flatMap((name) => firstField(outer, name) ?? [])
    .flatMap(rewritten);
}

function outerHeader(outer: Header): Header {
  return firstOfSingle(outer)
    .filter(
      (field) =>
        field.name !== "" &&
        !isStructural(field) &&
        !isResultField(field) &&
        field.name.toLowerCase() !== "hp-outer",
    )
    .flatMap(rewritten);
}
