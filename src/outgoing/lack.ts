import { unreachable } from "../base/unreachable.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { dayText } from "../locales/dates.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Language } from "../words/language.ts";
import type { Looked, Plan } from "./plan.ts";
import type { Unsendable } from "./submission.ts";

/** Why a recipient cannot be sealed to, in a sentence a person understands. */
export function lackText({ address: recipient, discovery }: Looked, language: Language): string {
  const address = formatAddress(recipient);
  const { domain } = recipient;
  if (discovery.kind !== "absent") return doubtText(discovery, recipient, language);
  switch (discovery.code) {
    case "NOSVC":
      return text("submission.lack.NOSVC", { address, domain }, language);
    case "INSEC":
      return text("submission.lack.INSEC", { address, domain }, language);
    case "NOKEY":
      return text("submission.lack.NOKEY", { address }, language);
    case "BADKEY": {
      const reason = text(`submission.unusable.${discovery.reason ?? "unsaid"}`, language);
      return text("submission.lack.BADKEY", { address, reason }, language);
    }
    default:
      return unreachable(discovery);
  }
}

/** Names who has to do something where it will not pass by itself. */
function doubtText(discovery: Discovery, recipient: EmailAddress, language: Language): string {
  const address = formatAddress(recipient);
  const since = discovery.kind === "unreachable" ? discovery.lastingSince : undefined;
  if (discovery.kind !== "unreachable" || since === undefined) {
    return text("submission.lack.uncertain", { address }, language);
  }
  const reason = LASTING.find((one) => one === discovery.reason) ?? "unsaid";
  const { domain } = recipient;
  const [said, day] = [text(`submission.unusable.${reason}`, language), dayText(since, language)];
  return text("submission.lack.lasting", { address, reason: said, day, domain }, language);
}

/** The reasons that can last (`discovery/bad-key.ts`). */
const LASTING = ["wrong-user-id", "bad-self-signature", "unparsable"] as const;

/** Why a message is not sent because of a recipient, for good. */
export function unsentText(
  { because, demand }: Pick<Extract<Unsendable, { kind: "unprotected" }>, "because" | "demand">,
  language: Language,
): string {
  const why = because.discovery.kind === "unreachable" ? "doubt" : demand;
  const words = {
    lack: lackText(because, language),
    why: text(`submission.demand.${why}`, language),
  };
  return text("submission.not-sent-because", words, language);
}

/** Why one message cannot be for both of two recipients. */
export function conflictText(
  { sealed, clear }: Extract<Plan, { kind: "conflict" }>,
  language: Language,
): string {
  const addresses = { sealed: formatAddress(sealed), clear: formatAddress(clear) };
  return text("submission.conflict", addresses, language);
}
