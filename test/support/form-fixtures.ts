/** What the tests of `docs/use/forms.md` build a form from, and how they say what became of it. */
import assert from "node:assert/strict";

import { parseAddress } from "../../src/mail/address.ts";
import type { ShownMail } from "../../src/incoming/reading.ts";
import { armorMessage } from "../../src/openpgp/packets/armor.ts";
import { encryptAtRest, signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { Gpg, NOW, ownKey } from "./openpgp-messages.ts";
import { openReadingWorld } from "./reading-world.ts";

/** One form: builds it, has it read, and says in the words of the table what came of it. */
export type Form = () => Promise<string>;

export const READER = "bob@beta.test";
export const AUTHOR = "alice@alpha.test";
export const HEAD =
  `From: ${AUTHOR}\r\nTo: ${READER}\r\nSubject: Form\r\n` +
  `Date: ${NOW.toUTCString().replace("GMT", "+0000")}\r\nMessage-ID: <form@alpha.test>\r\nMIME-Version: 1.0\r\n`;
export const TEXT = "Gr\u00fc\u00dfe from a form";
export const PAYLOAD = `Content-Type: text/plain; charset=utf-8\r\n\r\n${TEXT}\r\n`;

/** An author whose domain confirms the key, a reader, and GnuPG with the keys of both. */
export type Cast = Disposable & {
  readonly alice: UnlockedKey;
  readonly bob: UnlockedKey;
  readonly gpg: Gpg;
  /** As the reader's `mail show` gives it. */
  readonly arrive: (message: string | Uint8Array, isPart?: boolean) => Promise<ShownMail>;
};

export async function cast(reader = READER, author = AUTHOR): Promise<Cast> {
  const [alice, bob] = await Promise.all([ownKey(author, "compat"), ownKey(reader, "compat")]);
  const gpg = new Gpg();
  for (const key of [alice, bob]) gpg.importUnlocked(key);
  const arrive = async (message: string | Uint8Array, isPart = false): Promise<ShownMail> => {
    const address = parseAddress(reader);
    assert(address !== undefined);
    await using world = await openReadingWorld({
      reader: address,
      readersKey: bob,
      authors: new Map([[author, alice]]),
      now: NOW,
    });
    const shown = await world.arrive(crlf(message), { isPart });
    assert(shown !== undefined);
    return shown;
  };
  return { alice, bob, gpg, arrive, [Symbol.dispose]: () => gpg[Symbol.dispose]() };
}

/** Signed by the author and encrypted to the reader, binary. */
export async function signedTo(
  { alice, bob }: Pick<Cast, "alice" | "bob">,
  payload: string | Uint8Array = PAYLOAD,
): Promise<Uint8Array> {
  const to = { recipients: [bob.certificate], intended: [bob.fingerprint] };
  return signAndEncrypt({ data: Buffer.from(payload), signer: alice, ...to, now: NOW });
}

/** Encrypted to the reader and not signed, binary. */
export async function encryptedTo(
  { bob }: Pick<Cast, "bob">,
  payload: string | Uint8Array = PAYLOAD,
): Promise<Uint8Array> {
  return encryptAtRest({ data: Buffer.from(payload), recipients: [bob.certificate], now: NOW });
}

export function armored(message: Uint8Array): string {
  return Buffer.from(armorMessage(message)).toString("latin1");
}

export function crlf(message: string | Uint8Array): Uint8Array {
  return typeof message === "string"
    ? Buffer.from(message.replaceAll(/\r?\n/g, "\r\n"), "utf8")
    : message;
}

/** `multipart/encrypted` (RFC 3156 §4) around a ciphertext, with its own header or a given one. */
export function pgpMime(
  ciphertext: string | Uint8Array,
  o: {
    readonly head?: string;
    readonly version?: string;
    readonly dataType?: string;
    readonly after?: string;
  } = {},
): string {
  const armor = typeof ciphertext === "string" ? ciphertext : armored(ciphertext);
  return (
    `${o.head ?? HEAD}Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\r\n\r\n` +
    `--b\r\nContent-Type: application/pgp-encrypted\r\n\r\n${o.version ?? "Version: 1\r\n"}\r\n` +
    `--b\r\nContent-Type: ${o.dataType ?? "application/octet-stream"}\r\n\r\n${armor}\r\n${o.after ?? ""}--b--\r\n`
  );
}

/** State, what names the form, and warnings: `UNDECRYPTABLE, Triple DES` or `UNPROTECTED ENCRYPTED_PART`. */
export function outcomeOf({ state, warnings, sentence }: ShownMail): string {
  const form = /not supported: (.*)\.$/.exec(sentence)?.[1];
  return [state, ...warnings].join(" ") + (form === undefined ? "" : `, ${form}`);
}

/** The outcome of mail whose text must be there, word for word. */
export function withText(shown: ShownMail, text = TEXT): string {
  const texts = shown.parts.map((part) => part.text ?? "").join("\n");
  return texts.includes(text) ? outcomeOf(shown) : `${outcomeOf(shown)} without its text`;
}
