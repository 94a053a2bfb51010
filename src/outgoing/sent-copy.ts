/**
 * The copy of a sent message in its sender's own mailbox: the message as it was sent, and what each recipient got. It is
 * encrypted to the key of the mailbox, and that key alone: no recipient's copy is changed by it, and it names nobody in a
 * signature. Blind recipients stand beside the message, never in it, so that a copy that is passed on names none of them.
 *
 * All that is costly or may fail is done before anything leaves. An account without a key is refused for now, because a
 * copy in clear is no copy, and so is everybody while the disk is full, or for any other trouble that ends. Whatever else fails
 * leaves the message without a copy: trying again would fail again. The row is written with the copies that wait for the next
 * hop, in one transaction.
 */
import { hex } from "../base/bytes.ts";
import { AppError, isProgramFault, TooCostly } from "../base/errors.ts";
import type { Octets } from "../base/large-octets.ts";
import { sha256 } from "../base/sha256.ts";
import type { Clock } from "../base/time.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { envelopeDigest, type Envelope } from "../mail/envelope.ts";
import { parseHeader, serializeHeader, withoutFields } from "../mail/header.ts";
import type { ToStore } from "../mailbox/embedded/stored-form.ts";
import type { MailboxOf, MailboxOwner } from "../mailbox/mailbox-of.ts";
import { standardFolder, type Appended, type PreparedMail } from "../mailbox/mailbox.ts";
import type { SentHow, SentTo, Summary } from "../mailbox/summary.ts";
import { MAX_CLEAR_OCTETS } from "../openpgp/messages/plain.ts";
import type { Examined } from "../pgpmime/examine.ts";
import type { Store } from "../store/store.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { isNamedIn } from "./copies.ts";
import type { Looked } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import { noteSentAgain } from "./sent-again.ts";
import type { NoSentCopy } from "./submission.ts";

export type SentDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly mailboxOf: MailboxOf;
  /**
   * Whether the sender's mailbox has room for so many octets, as the store or a transaction of it says.
   * @throws AppError (temporary) where the disk has none.
   */
  readonly hasRoom: (store: Store, owner: MailboxOwner, sizeBytes: number) => Promise<boolean>;
  /** Reads the whole message where that keeps nobody waiting. */
  readonly examine: (message: Uint8Array) => Promise<Examined>;
  /** Encrypts a message to the key that protects the mailbox. @throws NoMailboxKey when there is none. */
  readonly bodyFor: (owner: MailboxOwner, message: ToStore) => Promise<Octets>;
  /** Told why a copy could not be made, where that tells of a fault. */
  readonly failed: (error: unknown) => void;
  readonly summaryOf: (message: Uint8Array, sent: SentAlready) => Promise<Summary>;
};

/** How a message leaves, and when. */
export type SentAlready = {
  readonly at: Date;
  readonly how: SentHow;
  readonly to: readonly SentTo[];
};

export type SentRequest = {
  readonly owner: MailboxOwner;
  readonly keys: UnlockedKeys;
  readonly envelope: Envelope;
  readonly prepared: Prepared;
  /** `split`: sealed for those who were found, in clear for the others. */
  readonly how: SentHow;
  /** What was known of the recipients who were looked up. */
  readonly looked: readonly Looked[];
};

/** A copy that is ready to be kept. */
export type SentCopy = {
  /** What it is found by when there are news of it. */
  readonly once: string;
  /** Whether an earlier submission has this copy already: its news are not those of a repetition. */
  readonly isThere: () => Promise<boolean>;
  /**
   * What is left to do once the next hop answered, with the recipients for whom it refused the message: a function that
   * keeps the copy, in the transaction in which the message is accepted, or says why not. A repetition keeps no second one.
   */
  readonly settle: (
    refused: readonly EmailAddress[],
  ) => Promise<(tx: Store) => Promise<NoSentCopy | undefined>>;
};

/** Why no copy is kept, or the copy. The message leaves in both cases. */
export type PreparedSent =
  | { readonly kind: "ready"; readonly copy: SentCopy }
  | { readonly kind: "none"; readonly because: NoSentCopy };

/**
 * Encrypts the copy of a message that is about to leave. No row is written.
 * @throws AppError (temporary) for trouble that ends: no key yet, a disk without room, a database that is away. Nothing has left then.
 */
export async function prepareSent(deps: SentDeps, request: SentRequest): Promise<PreparedSent> {
  const { owner, prepared } = request;
  if (!(await deps.hasRoom(deps.store, owner, prepared.message.length))) {
    return { kind: "none", because: "full" };
  }
  try {
    return await made(deps, request);
  } catch (error) {
    const isFault = isProgramFault(error);
    const isOfMessage = error instanceof TooCostly;
    if (error instanceof AppError && error.temporary && !isFault && !isOfMessage) throw error;
    if (!isOfMessage) deps.failed(error);
    return { kind: "none", because: "failed" };
  }
}

async function made(deps: SentDeps, request: SentRequest): Promise<PreparedSent> {
  const { owner, keys, envelope, prepared, how } = request;
  const { message } = prepared;
  const now = deps.clock.now();
  const { found } = await deps.examine(message);
  const ciphertext = found.kind === "sealed" ? found.ciphertext : undefined;
  if (ciphertext === undefined && message.length > MAX_CLEAR_OCTETS) {
    return { kind: "none", because: "too-large" };
  }
  const isNamed = isNamedIn(prepared);
  const to = recipientsOf({ ...request, isBlind: (address) => !isNamed(address) });
  const once = `sent ${await nameOf(message)} ${envelopeDigest(envelope)}`;
  const octets = await deps.bodyFor(owner, { pieces: [message], ciphertext });
  const prepareFor = async (sent: readonly SentTo[]): Promise<PreparedMail> =>
    deps.mailboxOf(deps.store, owner, keys).prepare({
      folder: standardFolder("sent"),
      content: { kind: "stored", form: ciphertext === undefined ? "clear" : "sealed", octets },
      summary: await deps.summaryOf(message, { at: now, how, to: sent }),
      flags: ["seen"],
      receivedAt: now,
      sizeBytes: message.length,
      once,
      // Whoever follows it up must not tell in clear what it says.
      isProtected: how !== "clear",
    });
  const mail = await prepareFor(to);
  return {
    kind: "ready",
    copy: {
      once,
      isThere: async () =>
        (await deps.mailboxOf(deps.store, owner, keys).stored(once)) !== undefined,
      settle: async (refused) => {
        const now = withRefused(to, refused);
        const settled = refused.length === 0 ? mail : await prepareFor(now);
        return async (tx) => {
          // Other mail may have come since.
          if (!(await deps.hasRoom(tx, owner, message.length))) return "full";
          const mailbox = deps.mailboxOf(tx, owner, keys);
          const appended = await mailbox.append(settled);
          if (appended.kind === "there-already") {
            await noteSentAgain(deps, mailbox, once, { how, to: now });
          }
          return lackAfter(appended);
        };
      },
    },
  };
}

/** Why there is no copy after it was to be kept. What was taken leaves all the same. */
function lackAfter({ kind }: Appended): NoSentCopy | undefined {
  switch (kind) {
    case "appended":
    case "there-already":
      return undefined;
    // The account was closed or erased meanwhile, and has no mailbox to keep it in.
    case "account-gone":
    case "no-folder":
      return "failed";
  }
}

const DATE: ReadonlySet<string> = new Set(["date"]);

/** What is the same when a client sends a message once more. A Date may be ours, and then it is another one. */
async function nameOf(message: Uint8Array): Promise<string> {
  const { header, bodyOffset } = parseHeader(message);
  const fields = serializeHeader(withoutFields(header, DATE));
  return hex(await sha256([fields, message.subarray(bodyOffset)]));
}

/** What each recipient gets of a message that leaves, or does not leave yet. */
export function recipientsOf({
  envelope,
  how,
  looked,
  isBlind = () => false,
}: Pick<SentRequest, "envelope" | "how" | "looked"> & {
  readonly isBlind?: (address: EmailAddress) => boolean;
}): readonly SentTo[] {
  const discoveries = new Map(
    looked.map(({ address, discovery }) => [formatAddress(address), discovery]),
  );
  return envelope.recipients.map((recipient) => {
    const address = formatAddress(recipient);
    const discovery = discoveries.get(address);
    const got = GOT[how] ?? (discovery?.kind === "found" ? "sealed" : "clear");
    const isSealed = got === "sealed" && discovery?.kind === "found";
    const fingerprint = isSealed ? discovery.certificate.fingerprint : "";
    return { address, got, fingerprint, isBlind: isBlind(recipient), code: discovery?.code ?? "" };
  });
}

/** What everybody gets; undefined: what a recipient gets depends on whether there is a certificate for them. */
const GOT: Readonly<Record<SentHow, SentTo["got"] | undefined>> = {
  sealed: "sealed",
  clear: "clear",
  "already-protected": "already-protected",
  split: undefined,
  deferred: "waiting",
  "not-sent": "refused",
};

function withRefused(to: readonly SentTo[], refused: readonly EmailAddress[]): readonly SentTo[] {
  const names = new Set(refused.map(formatAddress));
  return to.map((one) => (names.has(one.address) ? { ...one, got: "refused" } : one));
}
