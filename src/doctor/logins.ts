import { formatAddress } from "../mail/address.ts";
import { readAccount, walkAccounts } from "../store/accounts/accounts.ts";
import { findMasterKey, listMasterKeys, selectSlots, type SlotRow } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { countsSlot, readBinding, type Binding } from "../vault/binding.ts";
import { unwrapVerifier } from "../vault/login-verifier.ts";
import {
  missingKeysText,
  missingServiceKeys,
  PUT_KEY_BACK,
} from "../vault/missing-service-keys.ts";
import type { ServiceKeys } from "../vault/service-key.ts";
import type { AccountId } from "../words/account.ts";
import { fail, ok, skip, warn, type Judgement } from "./finding.ts";
import { onUsersRows } from "./users-rows.ts";
import type { Check, DoctorDeps } from "./visit.ts";

const MAX_NAMED = 5;
const WHAT = "the users' logins";

/** Whether each account's login, its slots and the audit log agree. */
export const logins: Check<DoctorDeps> = {
  name: "logins",
  why: "Rows that were put back by hand, and a login that was set without the keys, show only when a user cannot get in or reads nothing.",
  run: onUsersRows(WHAT, judge),
};

type Fault = "missing" | "generation" | "verifier" | "slot" | "apart";

async function judge(store: Store, serviceKeys: ServiceKeys): Promise<readonly Judgement[]> {
  const missing = await missingServiceKeys(store, serviceKeys);
  const found: Record<Fault, string[]> = {
    missing: [],
    generation: [],
    verifier: [],
    slot: [],
    apart: [],
  };
  let count = 0;
  for await (const { id, address } of walkAccounts(store)) {
    count += 1;
    for (const fault of await faultsOf(store, serviceKeys, missing, id)) {
      found[fault].push(formatAddress(address));
    }
  }
  if (count === 0) return [skip(WHAT, "there are none yet")];
  const judgements = [
    ...said(found.missing, fail, missingText(missing)),
    ...said(found.generation, fail, GENERATION),
    ...said(found.verifier, fail, VERIFIER),
    ...said(found.slot, fail, SLOT),
    ...said(found.apart, warn, APART),
  ];
  return judgements.length > 0
    ? judgements
    : [ok(`login, slots and audit log of ${count} accounts tell the same`)];
}

async function faultsOf(
  store: Store,
  serviceKeys: ServiceKeys,
  missing: readonly string[],
  owner: AccountId,
): Promise<readonly Fault[]> {
  const binding = await readBinding(store, owner);
  const read = await readAccount(store, owner);
  if (read === undefined) return [];
  const { login } = read;
  if (missing.includes(login.serviceKey)) return ["missing"];
  // The audit log does not count either where the key of its MACs is not here.
  if (binding === undefined) return [missing.length > 0 ? "missing" : "generation"];
  const of = { owner, generation: binding.generation };
  using verifier = unwrapVerifier(serviceKeys, of, login);
  const slots = await slotsOf(store, owner);
  const current = await findMasterKey(store, owner);
  const own = slots.find(
    (slot) => isPassword(slot) && slot.masterKey === current && countsSlot(binding, slot.id),
  );
  const isApart = login.kdf !== "" && own !== undefined && isOther(own, login.salt);
  return [
    ...(login.kdf !== "" && verifier === undefined ? (["verifier"] as const) : []),
    ...(slots.some((slot) => isStray(binding, slot)) ? (["slot"] as const) : []),
    ...(isApart ? (["apart"] as const) : []),
  ];
}

function isPassword({ kind }: SlotRow): boolean {
  return kind === "password";
}

/** The same password's slot has the salt of the login. */
function isOther({ salt }: SlotRow, loginSalt: Uint8Array): boolean {
  return !Buffer.from(salt).equals(loginSalt);
}

function isStray(binding: Binding, { id }: SlotRow): boolean {
  return !countsSlot(binding, id);
}

async function slotsOf(store: Store, owner: AccountId): Promise<readonly SlotRow[]> {
  const slots: SlotRow[] = [];
  for (const state of ["current", "former"] as const) {
    for (const id of await listMasterKeys(store, owner, state)) {
      slots.push(...(await selectSlots(store, id)));
    }
  }
  return slots;
}

type Text = { readonly what: string; readonly todo: string };

/** Not what the rows look like, that somebody changed them: with the key they are as they were. */
function missingText(names: readonly string[]): Text {
  return {
    what: `cannot log in, because ${missingKeysText(names)}`,
    todo: `First ${PUT_KEY_BACK}. Only if it is lost for good: docs/operate/keys.md (after the loss of the service key).`,
  };
}

const GENERATION: Text = {
  what: "have another generation in their row than the audit log says, so nobody gets in",
  todo: "Find out who wrote to the database (sealpost audit verify). Then: sealpost account reset ADDRESS.",
};
const VERIFIER: Text = {
  what: "have a login that no service key opens, so nobody gets in",
  todo: "Put the service key back from its backup; where only some are named, their rows were changed: sealpost account reset ADDRESS.",
};
const SLOT: Text = {
  what: "have slots that the audit log does not name; these open nothing",
  todo: "Somebody put rows back: find out who wrote to the database (sealpost audit verify), then delete these slots.",
};
const APART: Text = {
  what: "have a login and keys that were not given the same password at the same time",
  todo: "If these users cannot read their mail: sealpost account recover ADDRESS with the former password or the recovery code, else account reset.",
};

function said(
  names: readonly string[],
  judgement: typeof fail,
  { what, todo }: Text,
): readonly Judgement[] {
  if (names.length === 0) return [];
  const more = names.length > MAX_NAMED ? " and others" : "";
  return [
    judgement(
      `${names.length} accounts ${what}: ${names.slice(0, MAX_NAMED).join(", ")}${more}`,
      todo,
    ),
  ];
}
