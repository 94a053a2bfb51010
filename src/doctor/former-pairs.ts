import { formatAddress } from "../mail/address.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import {
  countUnderOthers,
  readPresentPair,
  selectWithFormerPairs,
} from "../store/mailbox/former-pairs.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { type Judgement, ok, skip } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

const PAGE = 200;
const MAX_NAMED = 5;

/** How much stored mail may need a key pair that is no longer in force. */
export const formerPairs: Check<DoctorDeps> = {
  name: "former-pairs",
  why: "Mail that is stored under a former key pair is lost to its reader once that pair is lost.",
  run: async ({ database }) => {
    if (database.kind === "closed" || !database.isMigrated)
      return [skip("mail under former key pairs", "the database cannot be read (see database)")];
    return [await judge(database.store)];
  },
};

async function judge(store: Store): Promise<Judgement> {
  const named: string[] = [];
  let [messages, accounts] = [0, 0];
  for await (const account of withFormerPairs(store)) {
    const address = await primaryAddress(store, account);
    const present = await readPresentPair(store, account, address);
    const count = present === undefined ? 0 : await countUnderOthers(store, account, present);
    if (count === 0) continue;
    messages += count;
    accounts += 1;
    if (named.length < MAX_NAMED) named.push(formatAddress(address));
  }
  if (messages === 0) return ok("no message in a mailbox needs a former key pair");
  const more = accounts > named.length ? " and others" : "";
  return {
    ...ok(`${messages} messages of ${accounts} accounts may still need a former key pair`),
    todo: `Former key pairs are kept. To need them no more, run: sealpost account convert-mailbox ADDRESS (for ${named.join(", ")}${more})`,
  };
}

async function* withFormerPairs(store: Store): AsyncGenerator<AccountId> {
  let after = "";
  for (;;) {
    const page = await selectWithFormerPairs(store, { after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last;
  }
}
