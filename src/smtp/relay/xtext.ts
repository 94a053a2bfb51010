/** A text as it may stand in a parameter of a command (RFC 3461 §4), in UTF-8. */
export function xtext(text: string): string {
  return text.replace(/[^!-*,-<>-~]/gu, (character) =>
    [...Buffer.from(character)]
      .map((octet) => `+${octet.toString(16).toUpperCase().padStart(2, "0")}`)
      .join(""),
  );
}
