/**
 * Mailing lists that a user writes to. A list hands mail on to people whom nobody can encrypt for, so that a rule `never` for
 * it asks no keyserver in vain. A list is known by its mail: an answer in a conversation in which somebody else's message came
 * by it. Whoever forges such a message must not talk a user out of encryption. Only an address that was proven to have no
 * certificate is a list, and none for which mail was ever encrypted.
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
  const hasKey = new Set(
    entries.flatMap(({ summary }) => addressesOf(summary?.sent, hasProtection)),
  );
  const lists = new Set<CanonicalAddress>();
  for (const { id, summary } of entries) {
    const candidates = addressesOf(summary?.sent, isProvenAbsent).filter(
      (address) => !hasKey.has(address) && !lists.has(address),
    );
    if (candidates.length === 0 || summary?.references.length === 0) continue;
    const thread = await mailbox.thread(id);
    if (thread.kind === "closed") return { kind: "closed" };
    if (thread.kind !== "thread") continue;
    const others = thread.entries.filter((entry) => entry.summary?.sent === undefined);
    const seen = new Set(others.map((entry) => entry.summary?.list));
    for (const address of candidates) if (seen.has(address)) lists.add(address);
  }
  return { kind: "lists", lists: [...lists] };
}

/** States that prove that there is no certificate (docs/use/states.md). */
const ABSENT: ReadonlySet<string> = new Set(["NOSVC", "INSEC", "NOKEY"]);

function isProvenAbsent({ got, code }: SentTo): boolean {
  return got === "clear" && ABSENT.has(code);
}

/** The mail was encrypted, here or on the user's device, or there was a certificate for it. */
function hasProtection({ got, code }: SentTo): boolean {
  return got === "sealed" || got === "already-protected" || (code !== "" && !ABSENT.has(code));
}

function addressesOf(
  sent: readonly SentTo[] = [],
  isMeant: (one: SentTo) => boolean,
): readonly CanonicalAddress[] {
  return sent
    .filter(isMeant)
    .flatMap(({ address }) => parseAddress(address) ?? [])
    .map((address) => canonicalAddress(address));
}
