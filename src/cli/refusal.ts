/**
 * Everything that a command may be refused for: the refusals of the flows, and what the command line itself does not find. The
 * kinds are meant to be the types of problems over HTTP as well.
 */
import type { Retirement } from "../app/service-key-rotation.ts";
import type { MailChange } from "../incoming/changing.ts";
import type { MailConversion } from "../incoming/converting.ts";
import type { MailExport, MessageExport } from "../incoming/export/export-mail.ts";
import type { MailImport } from "../incoming/import/import-mail.ts";
import type { MailSearch } from "../incoming/searching.ts";
import type { OwnChange } from "../journal/change-own.ts";
import type { AliasRelease, NewAlias } from "../keys/alias.ts";
import type { CustodyChange } from "../keys/custody.ts";
import type { Closure, Erasure, Reopening, SessionsEnd } from "../keys/end-account.ts";
import type { CertificateImport, SecretKeyImport } from "../keys/import-key.ts";
import type { MailboxKeyChoice } from "../keys/mailbox-key.ts";
import type { NewKeys } from "../keys/new-keys.ts";
import type { Reclaim } from "../keys/parked-keys.ts";
import type { NewPassword, NewRecoveryCode, RecoveryCodeEnd } from "../keys/password.ts";
import type { Renaming } from "../keys/rename.ts";
import type { Revocation, UploadedRevocation } from "../keys/revoke.ts";
import type { Rotation } from "../keys/rotate.ts";
import type { Enrolment } from "../login/enrol.ts";
import type { PasswordReplacement, Recovery, Reset } from "../login/recover.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { explainRefusal } from "../openpgp/imports/import-secret-key.ts";
import type { RuleChange } from "../policy/contact-rules.ts";
import type { KeyAccess } from "../vault/key-access.ts";
import type { NotShown } from "./mail-hint.ts";

/** What the flows return. */
type Outcome =
  | AliasRelease
  | CertificateImport
  | Closure
  | CustodyChange
  | Enrolment
  | Erasure
  | KeyAccess
  | MailboxKeyChoice
  | MailConversion
  | MailChange
  | MailExport
  | MailImport
  | MailSearch
  | MessageExport
  | NewAlias
  | NewKeys
  | NewPassword
  | NewRecoveryCode
  | OwnChange
  | PasswordReplacement
  | Reclaim
  | Recovery
  | RecoveryCodeEnd
  | RuleChange
  | Renaming
  | Reopening
  | Reset
  | Retirement
  | Revocation
  | Rotation
  | SecretKeyImport
  | SessionsEnd
  | UploadedRevocation;

/** The kinds of outcomes in which what was asked for is done. */
type Done =
  | "added"
  | "changed"
  | "chosen"
  | "closed"
  | "converted"
  | "done"
  | "ended"
  | "enrolled"
  | "erased"
  | "exported"
  | "found"
  | "given"
  | "imported"
  | "known"
  | "made"
  | "no-former-key"
  | "none"
  | "opened"
  | "published"
  | "reclaimed"
  | "recovered"
  | "released"
  | "removed"
  | "renamed"
  | "reopened"
  | "replaced"
  | "retired"
  | "revoked"
  | "rotated"
  | "unchanged";

/** What a command itself does not find, or does not take. */
type OwnRefusal =
  | { readonly kind: "address-is-alias"; readonly account: EmailAddress }
  | { readonly kind: "no-key" }
  | { readonly kind: "no-such-key" }
  /** The account's first login makes its key. */
  | { readonly kind: "no-key-yet" }
  | { readonly kind: "secret-key-not-here" }
  /** The keys open, but not without the password. */
  | { readonly kind: "password-needed" }
  | { readonly kind: "import-refused"; readonly reason: Parameters<typeof explainRefusal>[0] }
  | { readonly kind: "not-proven" }
  | { readonly kind: "no-parked-escrow" }
  | { readonly kind: "not-retryable"; readonly id: string }
  | { readonly kind: "nothing-to-show"; readonly shown: NotShown }
  | { readonly kind: "not-deferred" | "several-deferred"; readonly name: string }
  | { readonly kind: "nothing-recorded"; readonly name: string };

export type Refusal = Exclude<Outcome, { readonly kind: Done }> | OwnRefusal;
