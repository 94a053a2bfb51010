/**
 * What was proven of a certificate once. Mathematics know no time, and other octets are another certificate: so what is
 * proven stays proven as long as the parts are kept (`partsOf`). Dates, revocations and how many signatures may be
 * tried count at each use as if nothing were known. A signature that did not verify is tried again.
 */
import { PublicKeyPacket, PublicSubkeyPacket, UserIDPacket } from "openpgp";

import { equalBytes } from "../../base/bytes.ts";
import type { CertificateParts, SubkeyPart, UserPart } from "../packets/certificate-parts.ts";
import type { KeySignature } from "../packets/key-signature.ts";

/** What a signature is made over; the library hashes it. */
export type Signed = {
  readonly key: PublicKeyPacket;
  readonly userID?: UserIDPacket;
  readonly bind?: PublicSubkeyPacket;
};

/** A component of a certificate as the library reads it, and the signatures that are known to be good over it. */
export type Component<What extends Signed = Signed> = {
  readonly signed: What;
  readonly good: WeakSet<KeySignature>;
  /** Bindings to which the subkey is known to have agreed. */
  readonly agreed: WeakSet<KeySignature>;
};

/** The components of one certificate; undefined where the library does not read one as we do. */
export type Components = {
  readonly primary: Component;
  readonly user: (part: UserPart) => Promise<Component | undefined>;
  readonly subkey: (part: SubkeyPart) => Promise<Component<Bind> | undefined>;
};

type Bind = Signed & { readonly bind: PublicSubkeyPacket };

const KNOWN = new WeakMap<CertificateParts, Components>();

/** Undefined when the library does not read the primary key as we do. */
export async function componentsOf(parts: CertificateParts): Promise<Components | undefined> {
  const known = KNOWN.get(parts);
  if (known !== undefined) return known;
  const key = await readPacket(new PublicKeyPacket(), parts.primary.body);
  if (key === undefined) return undefined;
  const components: Components = {
    primary: component({ key }),
    user: onceEach(async (user) => {
      const userID = await userIdPacket(user);
      return userID && component({ key, userID });
    }),
    subkey: onceEach(async (subkey) => {
      const bind = await readPacket(new PublicSubkeyPacket(), subkey.body);
      return bind && component({ key, bind });
    }),
  };
  KNOWN.set(parts, components);
  return components;
}

function component<What extends Signed>(signed: What): Component<What> {
  return { signed, good: new WeakSet(), agreed: new WeakSet() };
}

/** The library reads UTF-8 alone; what is signed are the octets. */
async function userIdPacket({ isLatin1, body }: UserPart): Promise<UserIDPacket | undefined> {
  if (!isLatin1) return readPacket(new UserIDPacket(), body);
  const packet = new UserIDPacket();
  packet.write = () => Uint8Array.from(body);
  return packet;
}

/** A packet of the library, if what it read is what stood there: else we and it would speak of different keys. */
async function readPacket<
  Packet extends { read(bytes: Uint8Array): Promise<void> | void; write(): Uint8Array },
>(packet: Packet, body: Uint8Array): Promise<Packet | undefined> {
  try {
    await packet.read(body);
    return equalBytes(packet.write(), body) ? packet : undefined;
  } catch {
    return undefined;
  }
}

function onceEach<Part extends object, Value>(
  make: (part: Part) => Promise<Value>,
): (part: Part) => Promise<Value> {
  const made = new WeakMap<Part, Promise<Value>>();
  return async (part) => {
    const value = made.get(part) ?? make(part);
    made.set(part, value);
    return value;
  };
}
