/** How a new master key is wished for, and what comes of it (`replace-master-key.ts`). */
import type { Secret } from "../base/secret.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { RecoveryCode } from "../vault/recovery-code.ts";
import type { TypedPassword } from "../vault/typed-password.ts";
import type { KeyRules } from "../vault/vault-deps.ts";
import type { AccountId, LastingCustody } from "../words/account.ts";
import type { AccountRefusal } from "./keys.ts";
import type { EndReason } from "./revoke-active.ts";

/** Why a user gets a new master key, and new keys. */
export type RenewalCause =
  | "first-login"
  | "first-password"
  | "reset"
  | "custody"
  | "escrow"
  | "compromised";

type Cause = {
  /** The name of the event in the audit log. */
  readonly action: string;
  /** What the revocations of the old keys say. */
  readonly reason: EndReason;
  readonly text: string;
  /** The password is to log in too, whatever did until now. */
  readonly setsLogin?: true;
  /** The organisation's way in ends: to this master key and to those that are parked. */
  readonly endsEscrow?: true;
};

/** What each cause means for the log, the old keys and the account. */
export const CAUSES: Readonly<Record<RenewalCause, Cause>> = {
  "first-login": { action: "provisional.ended", reason: "superseded", text: "first login" },
  "first-password": {
    action: "account.reset",
    reason: "superseded",
    text: "first password",
    setsLogin: true,
  },
  reset: { action: "account.reset", reason: "withdrawn", text: "reset", setsLogin: true },
  custody: { action: "custody.ended", reason: "superseded", text: "custody ended" },
  escrow: {
    action: "escrow.ended",
    reason: "superseded",
    text: "escrow ended",
    endsEscrow: true,
  },
  compromised: { action: "keys.compromised", reason: "compromised", text: "compromised" },
};

/**
 * The master key that the new one takes the place of. `closed`: nothing opens it, so that it is parked with what is wrapped
 * under it. `none`: there is none here yet; of two such wishes at once the second is refused, and parks nothing of the first.
 */
export type Former =
  | { readonly kind: "open"; readonly masterKey: MasterKey }
  | { readonly kind: "closed" }
  | { readonly kind: "none" };

/** How a new master key comes about. */
export type RenewalWish = KeyRules & {
  readonly owner: AccountId;
  readonly why: RenewalCause;
  readonly from: Former;
  readonly custody: LastingCustody;
  readonly password: Secret | TypedPassword | undefined;
  readonly withRecoveryCode: boolean;
  /** Keys on the user's device are replaced too, or they stay, and with them the custody. */
  readonly deviceKeys: "replaced" | "kept";
  /** The provider could open the old keys, until this moment. */
  readonly providerUntil?: Date | undefined;
};

/** What came of making a new master key. */
export type Renewal =
  | {
      readonly kind: "renewed";
      /** Of the primary address; undefined where its key stays on its owner's device. */
      readonly certificate: Certificate | undefined;
      /** Shown once; the caller disposes its secret. */
      readonly recoveryCode: RecoveryCode | undefined;
    }
  /** There are keys here, where the first ones were to be made. */
  | { readonly kind: "keys-here-already" }
  | AccountRefusal;
