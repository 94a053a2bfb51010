/**
 * The generation of an account counts the changes of what opens it: its slots and its login. The audit entry of each change
 * names the generation and the slots that count from then on. So what is written back into a live database opens nothing,
 * and to write the log back as well shows (`audit verify --kept`). An entry counts only with a MAC under the service key;
 * where a process does not hold the service key (`Store.auditMac` is undefined), nobody can tell, and each entry counts.
 *
 * A slot is bound to the generation that it was made at, and the entry names it: a recovery code's slot cannot be wrapped
 * again without the code, and must open also when the service key is lost.
 */
import { isGenuine } from "../journal/journal.ts";
import {
  lastGeneration,
  readGeneration,
  type SaidGeneration,
} from "../store/accounts/generations.ts";
import type { AuditRowWithMac } from "../store/journal/audit.ts";
import { listMasterKeys, selectSlots } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { Conflict } from "./conflict.ts";

const SLOT_NAME_DIGITS = 16;

/** Of an account of which nothing is written down yet. */
const NONE: Binding = { generation: 0, slots: new Set() };

/** What holds of an account by its last change: slots that are not named open nothing. */
export type Binding = { readonly generation: number; readonly slots: ReadonlySet<string> };

/** Undefined when there is no such account, or its row and the log do not tell the same. */
export async function readBinding(store: Store, owner: AccountId): Promise<Binding | undefined> {
  const last = await readGeneration(store, owner, Number.MAX_SAFE_INTEGER);
  return last && bindingOf(store, owner, last);
}

/** As `readBinding`, by what was read of the account together with something else. */
export async function bindingOf(
  store: Store,
  owner: AccountId,
  last: SaidGeneration,
): Promise<Binding | undefined> {
  for (let read: SaidGeneration | undefined = last; read !== undefined;) {
    const { generation, entry }: SaidGeneration = read;
    if (entry === undefined) return generation === NONE.generation ? NONE : undefined;
    if (await isGenuine(store, entry)) {
      const said = entryOf(entry.detail);
      return said.generation === generation ? said : undefined;
    }
    read = await readGeneration(store, owner, entry.seq);
  }
  return undefined;
}

/** What the last genuine entry of an account says; `NONE` when there is none. */
export async function loggedBinding(store: Store, owner: AccountId): Promise<Binding> {
  let entry: AuditRowWithMac | undefined;
  do {
    const before = entry?.seq ?? Number.MAX_SAFE_INTEGER;
    entry = await lastGeneration(store, owner, before);
  } while (entry !== undefined && !(await isGenuine(store, entry)));
  return entry === undefined ? NONE : entryOf(entry.detail);
}

/** Whether a slot counts. */
export function countsSlot({ slots }: Binding, id: string): boolean {
  return slots.has(nameOf(id));
}

/** The generation that an account begins with. */
export const FIRST_GENERATION = 1;

/** The generation that follows, whatever the row and the log say now: for what an operator decides. */
export async function generationNow(store: Store, owner: AccountId): Promise<number> {
  const last = Number.MAX_SAFE_INTEGER;
  const read = await readGeneration(store, owner, last);
  return Math.max(read?.generation ?? 0, (await loggedBinding(store, owner)).generation);
}

/** @throws Conflict when something that opens the account was changed since. */
export async function requireGeneration(
  tx: Store,
  owner: AccountId,
  generation: number,
): Promise<void> {
  if ((await readBinding(tx, owner))?.generation !== generation) throw new Conflict();
}

/** What an audit entry says of a generation. */
export function generationDetail(
  generation: number,
  slots: readonly string[] = [],
): Readonly<Record<string, string | number>> {
  return { generation, slots: slots.join(" ") };
}

/** The names of all slots of an account that are there, whether they count or not. */
export async function slotNames(store: Store, owner: AccountId): Promise<readonly string[]> {
  const names: string[] = [];
  for (const state of ["current", "former"] as const) {
    for (const masterKey of await listMasterKeys(store, owner, state)) {
      for (const { id } of await selectSlots(store, masterKey)) names.push(nameOf(id));
    }
  }
  return names.toSorted();
}

/** What an audit entry says. */
function entryOf(detail: string): Binding {
  const { generation, slots } = JSON.parse(detail) as { generation: number; slots: string };
  return { generation, slots: new Set(slots.split(" ")) };
}

/** Half of a slot's random ID: nobody makes another slot with it, because the whole ID is bound to its bytes. */
export function nameOf(id: string): string {
  return id.replaceAll("-", "").slice(0, SLOT_NAME_DIGITS);
}
