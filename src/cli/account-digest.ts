/** `account digest`: whether a user gets a mail about their mail that left in clear. */
import { text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
import { changeDigest } from "../outgoing/digest/change-digest.ts";
import { DIGEST_WISHES, isDigestOn } from "../words/digest.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { openFor } from "./open.ts";
import { refused } from "./refusals.ts";

/** In place of what the user said: nothing, so that the installation decides. */
const DEFAULT = "default";
const WORDS = [...DIGEST_WISHES, DEFAULT];

export const accountDigestCommand: Command = {
  name: "account digest",
  operands: ["ADDRESS", `[${WORDS.join("|")}]`],
  summary:
    "set whether the user is told by mail, once a day, that mail of theirs left in clear, or show it",
  options: {},
  run: digest,
};

async function digest(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, given] = call.operands;
  if (given !== undefined && !WORDS.includes(given)) {
    throw new UsageError(`a digest is one of: ${WORDS.join(", ")}`);
  }
  await using vault = await openFor(call);
  const { store, clock, config } = vault;
  const isDefault = config.notices.digest;
  const { id: account } = await accountOf(vault, address);
  if (given !== undefined) {
    const wish = DIGEST_WISHES.find((word) => word === given);
    const change = { account, wish, by: "operator" } as const;
    const done = await changeDigest({ store, clock, isDefault }, change);
    if (done.kind === "no-account") throw refused({ kind: done.kind }, address);
  }
  const { digest: said } = await accountOf(vault, address);
  const name = formatAddress(address);
  const isOn = isDigestOn(said, isDefault);
  return answer(call, { address: name, digest: said ?? null, isOn }, [
    text(isOn ? "account.digest.on" : "account.digest.off", {
      address: name,
      own: said ?? DEFAULT,
    }),
  ]);
}
