/** Maximum number of characters of a Message-ID that is kept and compared; fields may be as long as a stranger likes. */
const MAX_LENGTH = 1000;

/** A Message-ID as it is compared: without blanks around it and without its brackets (RFC 5322 §3.6.4). */
export function plainMessageId(text: string): string {
  return text.trim().replace(/^<|>$/g, "").slice(0, MAX_LENGTH);
}
