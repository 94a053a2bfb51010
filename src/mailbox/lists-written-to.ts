/**
 * Mailing lists that a user writes to. A list hands mail on to people whom nobody can encrypt for, so that a rule `never` for
 * it asks no keyserver in vain. A list is known by its mail: an answer in a conversation in which somebody else's message came
 * by it. Whoever forges such a message must not talk a user out of encryption, so that an address for which the user's mail
 * was encrypted is no list.
 */
import { canonicalAddress, parseAddress, type CanonicalAddress } from "../mail/address.ts";
import { standardFolder, type Mailbox } from "./mailbox.ts";
import type { SentTo } from "./summary.ts";

/** How many sent messages are looked at, the newest first. */
const LOOKED_AT = 200;

/** The addresses of the lists. They need the keys. */
export async function listsWrittenTo(
  mailbox: Mailbox,
): Promise<
  | { readonly kind: "lists"; readonly lists: readonly CanonicalAddress[] }
  | { readonly kind: "closed" }
> {
  const { entries } = await mailbox.list(standardFolder("sent"), { limit: LOOKED_AT });
  const sealedFor = new Set(
    entries.flatMap(({ summary }) => addressesOf(summary?.sent, (got) => got === "sealed")),
  );
  const lists = new Set<CanonicalAddress>();
  for (const { id, summary } of entries) {
    const candidates = addressesOf(summary?.sent, (got) => got !== "sealed").filter(
      (address) => !sealedFor.has(address) && !lists.has(address),
    );
    if (candidates.length === 0 || summary?.references.length === 0) continue;
    const thread = await mailbox.thread(id);
    if (thread.kind === "closed") return { kind: "closed" };
    if (thread.kind !== "thread") continue;
    const seen = new Set(thread.entries.map((entry) => entry.summary?.list));
    for (const address of candidates) if (seen.has(address)) lists.add(address);
  }
  return { kind: "lists", lists: [...lists] };
}

function addressesOf(
  sent: readonly SentTo[] = [],
  isMeant: (got: SentTo["got"]) => boolean,
): readonly CanonicalAddress[] {
  return sent
    .filter(({ got }) => isMeant(got))
    .flatMap(({ address }) => parseAddress(address) ?? [])
    .map((address) => canonicalAddress(address));
}
