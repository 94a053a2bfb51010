/**
 * The copies of one message (standards: one ciphertext for the named recipients and the sender, one for each blind
 * recipient). A named recipient's copy holds no trace of a blind one: not in a header, not as a key ID, not as an
 * intended recipient in the signature (RFC 9787 §6.4). A blind copy is signed for its reader only, whom its protected Bcc
 * field names. It is thus provably addressed to them, and nobody can pass it off as another's.
 */
import { AppError } from "../base/errors.ts";
import { canonicalAddress, sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { HeaderField } from "../mail/header.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import type { Copy } from "./copy.ts";
import type { Found } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import { receivedField, type ReceivedDeps } from "./received.ts";

export type SealMessage = (request: {
  readonly message: Uint8Array;
  readonly signer: UnlockedKey;
  readonly recipients: readonly Certificate[];
  readonly intended: readonly Fingerprint[];
  /** The reader of a blind copy, whom a protected Bcc field names. */
  readonly blindReader?: EmailAddress;
  readonly legacyDisplay?: boolean;
  /** Stands above all other fields outside. */
  readonly received?: HeaderField;
  readonly now: Date;
}) => Promise<Uint8Array>;

type Deps = ReceivedDeps & {
  readonly seal: SealMessage;
  /** Whether the subject stands once more in the text, for older programs; by default it does. */
  readonly legacyDisplay?: boolean;
};
type Request = {
  readonly signer: UnlockedKey;
  readonly envelope: Envelope;
  readonly prepared: Prepared;
  readonly recipients: readonly Found[];
};

/** The readers of one copy: all who are named, or one who is not. */
export type Group = {
  readonly readers: readonly EmailAddress[];
  readonly blindReader?: EmailAddress;
};

/** The signature names each named recipient; the sender's own key is sealed to as well. */
export const MAX_NAMED = 63;
/** All copies of a message are in memory until the last one is committed. */
const MAX_COPIED_OCTETS = 256 * 1024 * 1024;

/**
 * The main copy first, if anybody is named; then a copy for each blind recipient.
 * @throws UnsealableMessage beyond 63 named recipients, and when a large message has so many blind ones that the copies
 * would be too much at once.
 */
export async function copiesOf(deps: Deps, request: Request): Promise<readonly Copy[]> {
  const { envelope, prepared, recipients } = request;
  const groups = groupsOf(envelope.recipients, prepared);
  return Promise.all(groups.map(async (group) => sealFor(deps, request, group, recipients)));
}

/**
 * Who gets which copy: a recipient is blind who is in the envelope and neither in To nor in Cc.
 * @throws UnsealableMessage as `copiesOf`
 */
export function groupsOf(
  recipients: readonly EmailAddress[],
  prepared: Prepared,
): readonly Group[] {
  const isNamed = isNamedIn(prepared);
  const named = recipients.filter(isNamed);
  const blind = recipients.filter((address) => !isNamed(address));
  if (named.length > MAX_NAMED) {
    throw new UnsealableMessage(
      `a message can be encrypted for ${String(MAX_NAMED)} recipients at once; send it to fewer at a time`,
    );
  }
  if (blind.length * prepared.message.length > MAX_COPIED_OCTETS) {
    throw new UnsealableMessage("too many blind recipients for so large a message");
  }
  const main = named.length === 0 ? [] : [{ readers: named }];
  return [...main, ...blind.map((reader) => ({ readers: [reader], blindReader: reader }))];
}

/**
 * The certificates that a copy is encrypted to: those of its readers, and the sender's own in the main copy. When all
 * recipients are blind, each copy is the only one that the sender could ever open.
 * @throws AppError when a reader is not among `found`
 */
export function certificatesFor(
  { readers, blindReader }: Group,
  {
    found,
    own,
    isMainSent,
  }: {
    readonly found: readonly Found[];
    readonly own: Certificate | undefined;
    /** Whether there is a copy for named recipients. */
    readonly isMainSent: boolean;
  },
): { readonly ofReaders: readonly Certificate[]; readonly all: readonly Certificate[] } {
  const ofReaders = distinct(readers.map((reader) => certificateOf(found, reader)));
  const isForSender = own !== undefined && (blindReader === undefined || !isMainSent);
  return { ofReaders, all: isForSender ? distinct([...ofReaders, own]) : ofReaders };
}

function certificateOf(found: readonly Found[], reader: EmailAddress): Certificate {
  const one = found.find(({ address }) => sameAddress(address, reader));
  if (one !== undefined) return one.discovery.certificate;
  throw new AppError("a reader without a certificate", { temporary: false });
}

/** Whether To or Cc of a message names an address. */
export function isNamedIn({ facts }: Pick<Prepared, "facts">): (address: EmailAddress) => boolean {
  const visible: readonly EmailAddress[] = [...facts.to, ...facts.cc].map(({ address }) => address);
  const names = new Set(visible.map(canonicalAddress));
  return (address) => names.has(canonicalAddress(address));
}

async function sealFor(
  deps: Deps,
  { signer, envelope, prepared }: Request,
  group: Group,
  found: readonly Found[],
): Promise<Copy> {
  const isMainSent = envelope.recipients.some(isNamedIn(prepared));
  const own = signer.certificate;
  const { ofReaders, all } = certificatesFor(group, { found, own, isMainSent });
  const { blindReader } = group;
  return {
    envelope: { ...envelope, recipients: group.readers },
    message: await deps.seal({
      message: prepared.message,
      signer,
      received: receivedField(deps, envelope),
      recipients: all,
      intended: ofReaders.map(({ fingerprint }) => fingerprint),
      ...(blindReader === undefined ? {} : { blindReader }),
      ...(deps.legacyDisplay === undefined ? {} : { legacyDisplay: deps.legacyDisplay }),
      now: deps.clock.now(),
    }),
  };
}

function distinct(certificates: readonly Certificate[]): readonly Certificate[] {
  return [
    ...new Map(certificates.map((certificate) => [certificate.fingerprint, certificate])).values(),
  ];
}
