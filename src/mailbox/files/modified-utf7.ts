/**
 * Modified UTF-7, in which Maildir++ and IMAP name folders (RFC 3501 §5.1.3): printable ASCII stands for itself, all else is
 * base64 of UTF-16 between `&` and `-`.
 */

const RUN = /&([A-Za-z0-9+,]*)-/g;

/** A name in modified UTF-7. The characters of `also` are encoded too, where a file system or a layout needs them. */
export function toModifiedUtf7(name: string, also = ""): string {
  let encoded = "";
  let run = "";
  const flush = (): void => {
    if (run !== "") encoded += `&${base64Of(run)}-`;
    run = "";
  };
  for (const unit of name.split("")) {
    const isDirect = unit >= " " && unit <= "~" && !also.includes(unit);
    if (!isDirect) {
      run += unit;
      continue;
    }
    flush();
    encoded += unit === "&" ? "&-" : unit;
  }
  flush();
  return encoded;
}

function base64Of(text: string): string {
  const octets = Buffer.from(text, "utf16le").swap16();
  return octets.toString("base64").replaceAll("=", "").replaceAll("/", ",");
}

/** The name that was encoded; undefined for a text that is not modified UTF-7. */
export function fromModifiedUtf7(text: string): string | undefined {
  const rest = text.replaceAll(RUN, "");
  if (rest.includes("&") || !/^[ -~]*$/.test(rest)) return undefined;
  const name = text.replaceAll(RUN, (_, digits: string) => (digits === "" ? "&" : textOf(digits)));
  // Half a character is none, and is not written as another one.
  return name.isWellFormed() ? name : undefined;
}

function textOf(digits: string): string {
  const octets = Buffer.from(digits.replaceAll(",", "/"), "base64");
  const whole = octets.subarray(0, octets.length - (octets.length % 2));
  return Buffer.from(whole).swap16().toString("utf16le");
}
