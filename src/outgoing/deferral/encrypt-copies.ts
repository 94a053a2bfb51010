import type { Discover } from "../../discovery/outcome.ts";
import { sameAddress, type EmailAddress } from "../../mail/address.ts";
import type { HeaderField } from "../../mail/header.ts";
import type { Certificate } from "../../openpgp/certificates/certificate.ts";
import { certificatesFor } from "../copies.ts";
import type { Copy } from "../copy.ts";
import type { Found } from "../plan.ts";
import { receivedField } from "../received.ts";
import type { Keeping } from "./deferral.ts";
import { PART, type Order } from "./order.ts";
import { readPart } from "./parts.ts";

/** Encrypts what was signed before; `message` is the original, which gives the fields outside. */
export type EncryptMessage = (request: {
  readonly message: Uint8Array;
  readonly signed: Uint8Array;
  readonly recipients: readonly Certificate[];
  /** Stands above all other fields outside. */
  readonly received?: HeaderField;
  readonly now: Date;
}) => Promise<Uint8Array>;

type Deps = Keeping & { readonly encrypt: EncryptMessage; readonly discover: Discover };

/** The copies of a deferred message, as `copiesOf` makes them; the sender's own key is the one that is published now. */
export async function encryptCopies(
  deps: Deps,
  id: string,
  { author, envelope, groups }: Order,
  found: readonly Found[],
): Promise<readonly Copy[]> {
  const message = await readPart(deps, PART.original(id));
  const sender = await deps.discover(author);
  const own = sender.kind === "found" ? sender.certificate : undefined;
  const isMainSent = groups.some(({ blindReader }) => blindReader === undefined);
  const copies: Copy[] = [];
  for (const [number, { readers, ...rest }] of groups.entries()) {
    const group = { ...rest, readers: readers.filter((reader) => isAmong(found, reader)) };
    // All of its readers get the message in clear.
    if (group.readers.length === 0) continue;
    const sealed = await deps.encrypt({
      message,
      signed: await readPart(deps, PART.signed(id, number)),
      recipients: certificatesFor(group, { found, own, isMainSent }).all,
      received: receivedField(deps, envelope),
      now: deps.clock.now(),
    });
    copies.push({ envelope: { ...envelope, recipients: group.readers }, message: sealed });
  }
  return copies;
}

function isAmong(found: readonly Found[], reader: EmailAddress): boolean {
  return found.some(({ address }) => sameAddress(address, reader));
}
