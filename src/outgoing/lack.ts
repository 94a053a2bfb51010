import { unreachable } from "../base/unreachable.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { text, type PlainKey } from "../locales/locales.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Looked, Plan } from "./plan.ts";
import type { Unsendable } from "./submission.ts";

/** Why a recipient cannot be sealed to, in a sentence a person understands. */
export function lackText({ address: recipient, discovery }: Looked): string {
  const address = formatAddress(recipient);
  const { domain } = recipient;
  if (discovery.kind !== "absent") return doubtText(discovery, recipient);
  switch (discovery.code) {
    case "NOSVC":
      return text("submission.lack.NOSVC", { address, domain });
    case "INSEC":
      return text("submission.lack.INSEC", { address, domain });
    case "NOKEY":
      return text("submission.lack.NOKEY", { address });
    case "BADKEY": {
      const reason = discovery.reason ?? text("submission.unusable.unsaid");
      return text("submission.lack.BADKEY", { address, reason });
    }
    default:
      return unreachable(discovery);
  }
}

const UNUSABLE: ReadonlyMap<string, PlainKey> = new Map([
  ["wrong-user-id", "submission.unusable.wrong-user-id"],
  ["bad-self-signature", "submission.unusable.bad-self-signature"],
  ["unparsable", "submission.unusable.unparsable"],
]);

/** Names who has to do something where it will not pass by itself. */
function doubtText(discovery: Discovery, recipient: EmailAddress): string {
  const address = formatAddress(recipient);
  const since = discovery.kind === "unreachable" ? discovery.lastingSince : undefined;
  if (discovery.kind !== "unreachable" || since === undefined) {
    return text("submission.lack.uncertain", { address });
  }
  const key = UNUSABLE.get(discovery.reason);
  return text("submission.lack.lasting", {
    address,
    reason: key === undefined ? discovery.reason : text(key),
    day: since.toISOString().slice(0, 10),
    domain: recipient.domain,
  });
}

/** Why a message is not sent because of a recipient, for good. */
export function unsentText({
  because,
  demand,
}: Pick<Extract<Unsendable, { kind: "unprotected" }>, "because" | "demand">): string {
  const why =
    because.discovery.kind === "unreachable"
      ? text("submission.demand.doubt")
      : text(`submission.demand.${demand}`);
  return text("submission.not-sent-because", { lack: lackText(because), why });
}

/** Why one message cannot be for both of two recipients. */
export function conflictText({ sealed, clear }: Extract<Plan, { kind: "conflict" }>): string {
  const addresses = { sealed: formatAddress(sealed), clear: formatAddress(clear) };
  return text("submission.conflict", addresses);
}
