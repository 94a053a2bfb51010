/** A reader's mailbox is taken under the key pair that is in force, on request. */
import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import type { Conversion, ConversionWish } from "../mailbox/conversion.ts";
import { countWaiting } from "../spool/spool.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { Account } from "../words/account.ts";
import { keysOf, type Reader } from "./audited-reading.ts";
import { withOpened, type ReadingDeps } from "./reading.ts";

type Deps = ReadingDeps & { readonly clock: Clock };

/** What came of it; `waiting`: how many messages wait outside of the mailbox, as they came. */
export type MailConversion =
  | (Extract<Conversion, { readonly kind: "converted" }> & { readonly waiting: number })
  | { readonly kind: "mailbox-closed" }
  /** No key pair is in force, or it is not as it was written. */
  | { readonly kind: "no-key" };

/**
 * Converts all that the keys of a reader open. What waits is opened first, and the index is whole afterwards. It may be
 * interrupted, and goes on when it is asked for again; the audit log has each one that came to its end.
 */
export async function convertMailFor(
  deps: Deps,
  reader: Reader,
  progress: ConversionWish["progress"],
): Promise<MailConversion> {
  return withOpened(deps, keysOf(reader), async (open) =>
    open === undefined
      ? { kind: "mailbox-closed" }
      : converted(deps, reader.account, open, progress),
  );
}

async function converted(
  deps: Deps,
  account: Account,
  open: UnlockedKeys,
  progress: ConversionWish["progress"],
): Promise<MailConversion> {
  const mailbox = deps.mailboxOf(deps.store, account, open);
  const conversion = await mailbox.convert({ progress });
  if (conversion.kind === "closed") return { kind: "no-key" };
  await mailbox.catchUp();
  const { bodies, left } = conversion;
  await appendAudit(deps.store, {
    at: deps.clock.now(),
    action: "mailbox.converted",
    account: account.id,
    detail: { bodies, left },
  });
  return { ...conversion, waiting: await countWaiting(deps.store, account.id) };
}
