import { randomUUID } from "node:crypto";

import type { Keeping } from "../../src/outgoing/deferral/deferral.ts";
import { insertDeferred } from "../../src/store/mail/deferred.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { writeEnvelope } from "../../src/outgoing/kept-envelope.ts";
import type { Fingerprint } from "../../src/openpgp/packets/fingerprint.ts";
import { orderOctets, PART } from "../../src/outgoing/deferral/order.ts";
import type { AccountId } from "../../src/words/account.ts";

/** Has a message wait because of its first recipient, with what was decided and nothing else. @returns its ID. */
export async function haveDeferred(
  { store, clock, parts }: Pick<Keeping, "store" | "clock" | "parts">,
  o: {
    readonly account: AccountId;
    readonly sender: EmailAddress;
    readonly recipients: readonly [EmailAddress, ...EmailAddress[]];
    readonly messageId: string;
  },
): Promise<string> {
  const { account, sender, recipients, messageId } = o;
  const id = randomUUID();
  const createdAt = clock.now();
  const envelope = writeEnvelope({ from: sender, recipients });
  const row = { id, account, sender, messageId, envelope, because: recipients[0] };
  const order = {
    account,
    envelope: { from: sender, recipients },
    policy: "prefer-clear" as const,
    policies: recipients.map(() => "prefer-clear" as const),
    demand: undefined,
    author: sender,
    signedBy: "0".repeat(40) as Fingerprint,
    isAutomatic: false,
    isSplit: false,
    groups: [{ readers: recipients }],
  };
  const name = PART.order(id);
  const part = { ...row, id: name, createdAt, ...(await parts.wrap(name, orderOctets(order))) };
  const job = { createdAt, dueAt: createdAt, reason: "UNSURE-DNS" };
  await store.transaction(async (tx) => insertDeferred(tx, row, [part], job));
  return id;
}
