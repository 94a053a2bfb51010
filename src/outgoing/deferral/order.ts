/**
 * What was decided when a message was deferred. It is kept under the queue key: whoever can write to the database must not
 * choose who reads a message, or under which policy it leaves.
 */
import { utf8 } from "../../base/bytes.ts";
import { formatAddress, type EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { addressFrom } from "../../store/engine/row.ts";
import type { AccountId, Policy } from "../../words/account.ts";
import type { Group } from "../copies.ts";
import { readEnvelope, writeEnvelope } from "../kept-envelope.ts";
import type { Demand } from "../submission.ts";

export type Order = {
  readonly account: AccountId;
  readonly envelope: Envelope;
  /** The sender's policy when the message was accepted, for a recipient for whom there is no rule. */
  readonly policy: Policy;
  /** The policy for each recipient of the envelope then. */
  readonly policies: readonly Policy[];
  /** A program wrote the message by itself. */
  readonly isAutomatic: boolean;
  /** Whether it could leave sealed for some and in clear for others. */
  readonly isSplit: boolean;
  /** What asked for encryption besides the policy. */
  readonly demand: Demand | undefined;
  /** The address whose key signed, and that key. */
  readonly author: EmailAddress;
  readonly signedBy: Fingerprint;
  /** What the copy in the sender's mailbox is found by; undefined where there is none. */
  readonly once?: string | undefined;
  /** The readers of each signed payload, in the order of the payloads. */
  readonly groups: readonly Group[];
};

/** The names of the parts of a deferred message. Each is wrapped under its name, so that none stands for another. */
export const PART = {
  order: (id: string): string => `${id}.order`,
  original: (id: string): string => `${id}.original`,
  signed: (id: string, number: number): string => `${id}.signed.${String(number)}`,
} as const;

/** As octets, to be wrapped. */
export function orderOctets({ envelope, author, groups, ...same }: Order): Uint8Array {
  const stored: Stored = {
    ...same,
    envelope: writeEnvelope(envelope),
    author: formatAddress(author),
    groups: groups.map(({ readers, blindReader }) => ({
      readers: readers.map(formatAddress),
      isBlind: blindReader !== undefined,
    })),
  };
  return utf8(JSON.stringify(stored));
}

/** Reads what `orderOctets` wrote. */
export function orderFrom(octets: Uint8Array): Order {
  const { envelope, author, groups, ...same } = JSON.parse(
    Buffer.from(octets).toString(),
  ) as Stored;
  return {
    ...same,
    demand: same.demand,
    envelope: readEnvelope(envelope),
    author: addressFrom(author),
    groups: groups.map(({ readers, isBlind }) => groupFrom(readers.map(addressFrom), isBlind)),
  };
}

function groupFrom(readers: readonly EmailAddress[], isBlind: boolean): Group {
  const [reader] = readers;
  return isBlind && reader !== undefined ? { readers, blindReader: reader } : { readers };
}

type Stored = Omit<Order, "envelope" | "author" | "groups"> & {
  readonly envelope: string;
  readonly author: string;
  readonly groups: readonly { readonly readers: readonly string[]; readonly isBlind: boolean }[];
};
