import { DAY } from "../base/time.ts";
import { counted, text } from "../locales/locales.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { noticeHeader, TEXT_FIELDS } from "./notices.ts";
import { wrapped } from "./wrapped.ts";

/** A key whose life its owner alone can extend. */
export type KeyEnding = {
  readonly owner: EmailAddress;
  /** The address that the key is for: the owner's own, or an alias of theirs. */
  readonly address: EmailAddress;
  readonly fingerprint: string;
  readonly endsAt: Date;
  readonly way: "device" | "login";
};

/**
 * Tells a user that their key ends, what happens then, and what they can do. To be sent with the empty return path, so that
 * nothing answers it.
 */
export function keyEndingNotice(o: {
  readonly hostname: Domain;
  readonly messageId: string;
  readonly ending: KeyEnding;
  readonly now: Date;
}): Uint8Array {
  const { owner, address, fingerprint, endsAt, way } = o.ending;
  const end = endsAt.toISOString();
  const days = Math.ceil((endsAt.getTime() - o.now.getTime()) / DAY);
  return Buffer.from(
    [
      ...noticeHeader({
        from: text("key-ending.from"),
        hostname: o.hostname,
        to: owner,
        subject: text("key-ending.subject", { day: end.slice(0, 10) }),
        messageId: o.messageId,
        now: o.now,
        automatic: "auto-generated",
        body: TEXT_FIELDS,
      }),
      counted("key-ending.lead", days),
      "",
      row(text("key-ending.address"), formatAddress(address)),
      row(text("key-ending.fingerprint"), fingerprint.toUpperCase()),
      row(text("key-ending.ends"), `${end.slice(0, 10)} ${end.slice(11, 16)} UTC`),
      "",
      ...wrapped(text("key-ending.what-happens")),
      "",
      ...whatToDo(way).flatMap(wrapped),
      "",
      ...wrapped(text("key-ending.no-link")),
      "",
    ].join("\r\n"),
  );
}

function row(label: string, value: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}  ${value}`;
}

const LABEL_WIDTH = 11;

/** The last line of the first is for the provider, and is not broken. */
function whatToDo(way: KeyEnding["way"]): readonly string[] {
  return way === "device"
    ? [text("key-ending.device"), text("key-ending.device.provider")]
    : [text("key-ending.login")];
}
