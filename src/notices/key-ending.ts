import { DAY } from "../base/time.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";

/** A key whose life its owner alone can extend. */
export type KeyEnding = {
  readonly owner: EmailAddress;
  /** The address that the key is for: the owner's own, or an alias of his. */
  readonly address: EmailAddress;
  readonly fingerprint: string;
  readonly endsAt: Date;
  readonly way: "device" | "login";
};

/**
 * Tells a user that his key ends, what happens then, and what he can do. To be sent with the empty return path, so that
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
      `From: Mail service <postmaster@${o.hostname}>`,
      `To: <${formatAddress(owner)}>`,
      `Date: ${o.now.toUTCString().replace(/GMT$/, "+0000")}`,
      `Message-ID: ${o.messageId}`,
      `Subject: Your encryption key ends on ${end.slice(0, 10)}`,
      // RFC 3834 §5: written by no person, and an answer to nothing.
      "Auto-Submitted: auto-generated",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: 8bit",
      "",
      `Your encryption key ends in ${days === 1 ? "one day" : `${days} days`}, unless you do something.`,
      "",
      `  address      ${formatAddress(address)}`,
      `  fingerprint  ${fingerprint.toUpperCase()}`,
      `  ends         ${end.slice(0, 10)} ${end.slice(11, 16)} UTC`,
      "",
      "What happens then: nobody can encrypt mail to this address any more. Senders",
      "who require encryption cannot write to you: their mail is refused. Mail that",
      "you have stays readable.",
      "",
      ...WHAT_TO_DO[way],
      "",
      "This mail asks for no password and contains no link.",
      "",
    ].join("\r\n"),
  );
}

const WHAT_TO_DO = {
  device: [
    "What to do: the secret key is on your own device alone, so nobody but you can",
    "extend it. Give it a later end (expiry date) there, export the certificate (the",
    "public key, never the secret one), and bring that to your mail provider again.",
    "He publishes it with: sealpost key import ADDRESS FILE --public",
  ],
  login: [
    "What to do: log in once with your password, for example by sending a message",
    "with your mail program. The key gets a longer life by itself then, and keeps its",
    "fingerprint. If such a mail comes again although you have logged in, your keys",
    "did not open: ask your mail provider.",
  ],
} as const;
