import type { EmailAddress } from "../mail/address.ts";
import type { Fingerprint, KeyId } from "../openpgp/packets/fingerprint.ts";
import type { ViewedCertificate } from "../store/keys/published-view.ts";
import type { WholeAnswer } from "./lane/whole-answer.ts";

/** What is looked for. */
export type Search =
  | { readonly kind: "address"; readonly address: EmailAddress; readonly mayHaveDetail: boolean }
  | { readonly kind: "directory"; readonly name: string }
  | { readonly kind: "id"; readonly id: Fingerprint | KeyId }
  /** Names, wildcards, parts of addresses, short ids: nothing is ever found for them. */
  | { readonly kind: "nothing" };

/** What a request came to, whichever interface it was for: an answer, or a look-up and how to tell what it finds. */
export type Question =
  | { readonly kind: "answered"; readonly answer: WholeAnswer }
  | {
      readonly kind: "lookup";
      readonly search: Search;
      /** Version 6 certificates stay out of answers that older programs read. */
      readonly onlyVersion4: boolean;
      /** Who asks by address in version 1 and finds nothing asks so next; set in version 2. */
      readonly isSecond?: true;
      readonly tell: Tell;
      readonly absent: WholeAnswer;
    };

/** At least one certificate; `now` is for what has expired. */
export type Tell = (
  found: readonly ViewedCertificate[],
  now: Date,
) => WholeAnswer | Promise<WholeAnswer>;

export function answered(answer: WholeAnswer): Question {
  return { kind: "answered", answer };
}
