import { randomUUID } from "node:crypto";

import { formatAddress } from "../mail/address.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import { countSlotsByServiceKey, sampleServiceSlots } from "../store/keys/slot-sample.ts";
import { selectSecretKeys, type SlotRow } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { ServiceKeys } from "../vault/service-key.ts";
import { openServiceSlot } from "../vault/slots.ts";
import { unwrapSecretKey } from "../vault/wrapped-rows.ts";
import type { AccountId } from "../words/account.ts";
import { fail, ok, skip, type Judgement } from "./finding.ts";
import { onUsersRows } from "./users-rows.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Others at each run. */
const SAMPLE = 50;
const MAX_NAMED = 5;
const WHAT = "the users' secret keys";

/** Whether the service key is the one that the database was written with, and opens what the provider can use. */
export const secretKeys: Check<DoctorDeps> = {
  name: "secret-keys",
  why: "With another service key nobody's keys open: no mail is signed or opened, and passwords stop working for keys. Otherwise it shows only when mail comes.",
  run: onUsersRows(WHAT, judge),
};

async function judge(store: Store, serviceKeys: ServiceKeys): Promise<readonly Judgement[]> {
  const slots = await countSlotsByServiceKey(store);
  if (slots.length === 0) return [skip(WHAT, "there are none yet")];
  const strange = slots.filter(({ serviceKey }) => serviceKeys.named(serviceKey) === undefined);
  const tried = [];
  for (const { serviceKey } of slots.filter((one) => !strange.includes(one))) {
    const page = { from: randomUUID(), limit: SAMPLE };
    for (const { slot, owner } of await sampleServiceSlots(store, serviceKey, page)) {
      tried.push({ owner, isOpen: await opens(store, serviceKeys, slot, owner) });
    }
  }
  const closed = [];
  for (const { owner, isOpen } of tried) {
    if (!isOpen) closed.push(formatAddress(await primaryAddress(store, owner)));
  }
  const faults = [
    ...(strange.length === 0 ? [] : [strangeKey(strange, sum(slots))]),
    ...(closed.length === 0 ? [] : [closedKeys(closed, tried.length)]),
  ];
  if (faults.length > 0) return faults;
  return [
    ok(
      tried.length === 0
        ? "every password's slot is under a service key that is here, and the provider can use nobody's keys"
        : `the service key opens the secret keys of ${tried.length} users who were tried`,
    ),
  ];
}

/** The master key and every secret key under it. */
async function opens(
  store: Store,
  serviceKeys: ServiceKeys,
  slot: SlotRow,
  owner: AccountId,
): Promise<boolean> {
  using masterKey = openServiceSlot({ owner, serviceKeys }, slot);
  if (masterKey === undefined) return false;
  for (const row of await selectSecretKeys(store, slot.masterKey)) {
    using secretKey = unwrapSecretKey(masterKey, row, owner);
    if (secretKey === undefined) return false;
  }
  return true;
}

function strangeKey(
  slots: Awaited<ReturnType<typeof countSlotsByServiceKey>>,
  total: number,
): Judgement {
  const names = slots.map(({ serviceKey }) => serviceKey || "without a name").join(", ");
  return fail(
    `${sum(slots)} of ${total} slots that open users' keys were made with a service key that is not here (${names})`,
    "Put back the service key that this database was written with (secrets.service_key_file), and former ones beside it " +
      "(….former), from their own backup (docs/operate/backup.md, docs/operate/keys.md). Only if it is lost: sealpost account recover with each user's recovery code, else account reset.",
  );
}

function closedKeys(names: readonly string[], total: number): Judgement {
  const more = names.length > MAX_NAMED ? " and others" : "";
  return fail(
    `the secret keys of ${names.length} of ${total} users who were tried do not open: ${names.slice(0, MAX_NAMED).join(", ")}${more}`,
    "If these are all, the service key is another one: put it back from its own backup. If these are some, their rows were " +
      "changed or are damaged: put the database back from its backup, and see who could write to it.",
  );
}

function sum(slots: readonly { readonly count: number }[]): number {
  return slots.reduce((total, { count }) => total + count, 0);
}
