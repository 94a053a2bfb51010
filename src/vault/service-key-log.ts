/**
 * Which service key is in force, as the audit log tells it. A rotation writes its intention down before it replaces the
 * file and its end afterwards: whatever fails in between is seen at the next start, and no key is replaced without a row.
 */
import { AppError } from "../base/errors.ts";
import { after, MINUTE } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import { selectActions } from "../store/journal/audit-actions.ts";
import { listServiceKeyUsers } from "../store/keys/service-key-users.ts";
import type { Store } from "../store/store.ts";
import type { VaultDeps } from "./vault-deps.ts";

const INTENDED = "service-key.rotating";
const ROTATED = "service-key.rotated";

/** How long a process counts as one that still writes, after it was last seen; it says so every minute. */
const SEEN_MS = 10 * MINUTE;

/** For the log of a host that does not have the key in force. */
export const OTHER_SERVICE_KEY =
  "the service key of this host is not the one in force: copy the file, and its .former file, from the host that rotated it; if that key is lost, see docs/operate/keys.md";

type Deps = Pick<VaultDeps, "store" | "clock" | "serviceKeys">;

/**
 * Puts a new service key in force: `replace` puts it into its file, after the intention is committed.
 * @throws what keeps the intention from being written; then nothing is replaced.
 */
export async function rotateServiceKey(
  { store, clock }: Pick<Deps, "store" | "clock">,
  ids: { readonly from: string; readonly to: string },
  replace: () => void,
): Promise<void> {
  await appendAudit(store, { at: clock.now(), action: INTENDED, detail: ids });
  // Two who rotate at once wait for each other at the audit log: neither loses the other's key.
  await store.transaction(async (tx) => {
    await appendAudit(tx, { at: clock.now(), action: ROTATED, detail: { serviceKey: ids.to } });
    replace();
  });
}

/** What comparing the key in force with the log came to. */
export type ServiceKeyState = "as-logged" | "finished" | "other";

/**
 * Compares the key in force with what the log says. An interrupted rotation whose key is in force is written down as done.
 * `other`: this host does not have the key that is in force.
 */
export async function checkServiceKey({
  store,
  clock,
  serviceKeys,
}: Deps): Promise<ServiceKeyState> {
  const { id } = serviceKeys.current;
  const state = await compareServiceKey(store, id);
  if (state !== "unfinished") return state;
  await appendAudit(store, { at: clock.now(), action: ROTATED, detail: { serviceKey: id } });
  return "finished";
}

/** The same without writing; `unfinished`: the key in force is that of a rotation whose end was not written. */
export async function compareServiceKey(
  store: Store,
  id: string,
): Promise<"as-logged" | "unfinished" | "other"> {
  const rows = await selectActions(store, [INTENDED, ROTATED], 0);
  const details = rows.map(({ action, detail }) => {
    const { to, serviceKey } = JSON.parse(detail) as { to?: string; serviceKey?: string };
    return { isDone: action === ROTATED, id: serviceKey ?? to };
  });
  const done = details.findLast(({ isDone }) => isDone);
  if (done === undefined ? details.length === 0 : done.id === id) return "as-logged";
  const named = details.filter((one) => one.id === id);
  if (named.length > 0 && named.every((one) => !one.isDone)) return "unfinished";
  return done === undefined ? "as-logged" : "other";
}

/** By the operator's word: the key of this host is the one in force, also where it came another way than by a rotation. */
export async function adoptServiceKey(deps: Deps): Promise<void> {
  if ((await checkServiceKey(deps)) !== "other") return;
  const detail = { serviceKey: deps.serviceKeys.current.id };
  await appendAudit(deps.store, { at: deps.clock.now(), action: ROTATED, detail });
}

/** @throws AppError while a process, on whatever host, still writes under another key than the one in force. */
export async function requireNoOtherUsers({ store, clock, serviceKeys }: Deps): Promise<void> {
  const users = await listServiceKeyUsers(store, after(clock.now(), -SEEN_MS));
  const others = users.filter(({ serviceKey }) => serviceKey !== serviceKeys.current.id);
  if (others.length === 0) return;
  throw new AppError(
    `the former service key is still used by ${others.map(({ process }) => process).join(", ")}: copy the service key and its .former file to these hosts, or stop them, then try again after ten minutes`,
    { temporary: true },
  );
}
