/** What the flow of submitted mail works with. */
import type { Discover } from "../discovery/outcome.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import type { SenderPolicy } from "../policy/contact-rules.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId, Policy } from "../words/account.ts";
import type { DigestWish } from "../words/digest.ts";
import type { Part } from "../words/rollout.ts";
import type { AutocryptRule } from "./autocrypt.ts";
import type { SealMessage } from "./copies.ts";
import type { Deferred, DeferRequest } from "./deferral/defer.ts";
import type { CameProtected } from "./demand.ts";
import type { CountInClear } from "./digest/count-in-clear.ts";
import type { Also, HandOn } from "./hand-on.ts";
import type { PrepareDeps } from "./prepare.ts";
import type { PreparedSent, SentRequest } from "./sent-copy.ts";
import type { KeysClosed } from "./submission.ts";
import type { TraceOutgoing } from "./tracing.ts";

/** Who is logged in on a connection: their addresses and their keys, unlocked with the password they gave. */
export type Sender = {
  readonly account: AccountId;
  readonly address: EmailAddress;
  readonly addresses: readonly EmailAddress[];
  /** The policy for a recipient for whom there is no rule, and what it came from together with the rules. */
  readonly policy: Policy;
  readonly policies: SenderPolicy;
  /** What they said about their digest. */
  readonly digest: DigestWish | undefined;
  /** What mail from each of their domains takes part in: without `full` nothing of it is sealed. */
  readonly parts: ReadonlyMap<Domain, Part>;
  readonly keys: UnlockedKeys;
  /** Why the login opened no keys, where it did not. */
  readonly closed?: KeysClosed | undefined;
  /** The change of the account that the login saw: after the next one the keys are used no more. */
  readonly generation: number;
};

export type SubmitDeps = PrepareDeps & {
  readonly hostname: Domain;
  /** Whether an address belongs to an account by itself, and not as a subaddress. */
  readonly isAddress: (address: EmailAddress) => Promise<boolean>;
  /** Whether a domain is ours, and nobody reads what is sent to this address of it. */
  readonly isUnknownHere: (address: EmailAddress) => Promise<boolean>;
  readonly discover: Discover;
  readonly seal: SealMessage;
  readonly handOn: HandOn;
  /** Keeps a message whose recipients are not certain; undefined: the client is told to try again. */
  readonly defer?: ((request: DeferRequest) => Promise<Deferred>) | undefined;
  readonly trace: TraceOutgoing;
  /** Whether a message may leave sealed for some of its recipients and in clear for others. */
  readonly isSplit?: boolean;
  readonly autocrypt: AutocryptRule;
  /** Whether the subject of a sealed message stands once more in its text; by default it does. */
  readonly legacyDisplay?: boolean;
  readonly cameProtected: CameProtected;
  /** What notes that a message of an account, by its Message-ID, left encrypted. */
  readonly protectedName: (account: AccountId, messageId: string) => Promise<Also>;
  /** What counts a message that leaves in clear, for its sender's digest. */
  readonly countInClear: CountInClear;
  /** Makes the copy for the sender's own mailbox; undefined where the installation keeps none. */
  readonly prepareSent?: ((request: SentRequest) => Promise<PreparedSent>) | undefined;
};
