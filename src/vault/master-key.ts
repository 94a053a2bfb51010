import { randomBytes, randomUUID } from "node:crypto";

import { Secret } from "../base/secret.ts";
import {
  listMasterKeys,
  selectSlots,
  type MasterKeyState,
  type SlotRow,
} from "../store/keys/vault.ts";
import type { AccountId } from "../words/account.ts";
import { countsSlot, readBinding, type Binding } from "./binding.ts";
import {
  openPasswordSlot,
  openRecoverySlot,
  openServiceSlot,
  type ServiceSlotKind,
  type SlotOwner,
} from "./slots.ts";
import { TypedPassword } from "./typed-password.ts";
import type { VaultDeps } from "./vault-deps.ts";

const MASTER_KEY_BYTES = 32;

/**
 * What a master key was opened by; `service` is the provider's own access, without the user. `new`: nothing is in it yet.
 */
export type OpenedBy = "password" | "service" | "recovery" | "escrow" | "new";

/** A user master key while it is open; wiped on dispose. */
export class MasterKey implements Disposable {
  readonly id: string;
  readonly owner: AccountId;
  readonly secret: Secret;
  readonly openedBy: OpenedBy;
  /** The change of the account that it was opened at, or that its holder made since. */
  generation: number;

  /** Takes the secret over. */
  constructor(
    id: string,
    owner: AccountId,
    secret: Secret,
    openedBy: OpenedBy,
    generation: number,
  ) {
    this.id = id;
    this.generation = generation;
    this.owner = owner;
    this.secret = secret;
    this.openedBy = openedBy;
  }

  /** A new random one, with no slot yet. */
  static make(owner: AccountId): MasterKey {
    return new MasterKey(randomUUID(), owner, new Secret(randomBytes(MASTER_KEY_BYTES)), "new", 0);
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]();
  }
}

/** The user's master key, if the password opens it; the newest first where several are parked. */
export async function openWithPassword(
  deps: VaultDeps,
  owner: AccountId,
  password: Secret | TypedPassword,
  state: MasterKeyState = "current",
): Promise<MasterKey | undefined> {
  const typed = TypedPassword.of(password);
  return openFirst(deps, owner, state, "password", async (who, slot) =>
    openPasswordSlot(who, slot, typed),
  );
}

/** As `openWithPassword`, where the binding was read a moment ago: that of the account as the password was verified. */
export async function openAsBound(
  deps: VaultDeps,
  owner: AccountId,
  password: TypedPassword,
  binding: Binding,
): Promise<MasterKey | undefined> {
  const open = async (who: SlotOwner, slot: SlotRow) => openPasswordSlot(who, slot, password);
  return openAmong(
    deps,
    { owner, state: "current", kind: "password", open, openedBy: "password" },
    binding,
  );
}

/** The user's master key, if the custody lets the service open it, or the first login is still to come. */
export async function openWithService(
  deps: VaultDeps,
  owner: AccountId,
  kinds: readonly ServiceSlotKind[] = ["service", "provisional"],
): Promise<MasterKey | undefined> {
  for (const kind of kinds) {
    const opened = await openFirst(deps, owner, "current", kind, openServiceSlot);
    if (opened !== undefined) return opened;
  }
  return undefined;
}

/**
 * The provisional master key at its owner's first login, whose password was verified. What becomes of it then is
 * the owner's own act, as if the password had opened it.
 */
export async function openAtFirstLogin(
  deps: VaultDeps,
  owner: AccountId,
): Promise<MasterKey | undefined> {
  return openFirst(deps, owner, "current", "provisional", openServiceSlot, "password");
}

/** The user's master key, if the recovery code opens it. */
export async function openWithRecoveryCode(
  deps: VaultDeps,
  owner: AccountId,
  code: Secret,
  state: MasterKeyState = "current",
): Promise<MasterKey | undefined> {
  return openFirst(deps, owner, state, "recovery", (who, slot) =>
    openRecoverySlot(who, slot, code),
  );
}

type Opening = {
  readonly owner: AccountId;
  readonly state: MasterKeyState;
  readonly kind: SlotRow["kind"];
  readonly open: (
    who: SlotOwner,
    slot: SlotRow,
  ) => Secret | undefined | Promise<Secret | undefined>;
  readonly openedBy: OpenedBy;
};

async function openFirst(
  deps: VaultDeps,
  owner: AccountId,
  state: MasterKeyState,
  kind: SlotRow["kind"],
  open: Opening["open"],
  openedBy: OpenedBy = kind === "provisional" ? "service" : kind,
): Promise<MasterKey | undefined> {
  for (;;) {
    const binding = await readBinding(deps.store, owner);
    if (binding === undefined) return undefined;
    const found = await openAmong(deps, { owner, state, kind, open, openedBy }, binding);
    if (found !== undefined) return found;
    // What was read may have been changed meanwhile.
    if ((await readBinding(deps.store, owner))?.generation === binding.generation) return undefined;
  }
}

/** The first master key that a slot which counts opens. */
async function openAmong(
  { store, serviceKeys }: VaultDeps,
  { owner, state, kind, open, openedBy }: Opening,
  binding: Binding,
): Promise<MasterKey | undefined> {
  const who = { owner, serviceKeys };
  for (const id of await listMasterKeys(store, owner, state)) {
    for (const slot of await selectSlots(store, id, kind)) {
      if (!countsSlot(binding, slot.id)) continue;
      const secret = await open(who, slot);
      if (secret !== undefined)
        return new MasterKey(id, owner, secret, openedBy, binding.generation);
    }
  }
  return undefined;
}
