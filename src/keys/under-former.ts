/** What is left under former service keys after a rotation, in words: which accounts, and what becomes of them. */
import { AppError } from "../base/errors.ts";
import { formatAddress } from "../mail/address.ts";
import { passwordsUnder, type WaitingPassword } from "../store/service-keys.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** What is under a former service key. */
export type UnderFormer = {
  /** Rows that could not be moved: none of the keys opens them. */
  readonly unreadable: number;
  /** Password slots: the pepper in them was made from a former key, and nothing but the password makes them anew. */
  readonly passwords: readonly WaitingPassword[];
};

/** So many accounts are named in a text. */
const NAMED = 20;

const WAITS: Readonly<Record<WaitingPassword["waits"], string>> = {
  login: "made anew at their owners' next login",
  parked:
    "around keys that a reset parked, which no login touches; `sealpost account recover ADDRESS --former` takes those keys out",
  closed: "of closed accounts, which are deleted 30 days after they were closed",
};

/** The password slots that a former service key still has to open; one whose key is gone waits for nothing. */
export async function waitingPasswords({
  store,
  serviceKeys,
}: Pick<VaultDeps, "store" | "serviceKeys">): Promise<readonly WaitingPassword[]> {
  const { id: current } = serviceKeys.current;
  // Slots from before keys had names may be of any.
  const all = serviceKeys.candidates("").map(({ id }) => id);
  return passwordsUnder(store, ["", ...all.filter((id) => id !== current)]);
}

/** A line for each thing that ends the waiting, with the accounts. */
export function explainWaiting(passwords: readonly WaitingPassword[]): readonly string[] {
  return Object.entries(WAITS).flatMap(([waits, what]) => {
    const slots = passwords.filter((one) => one.waits === waits);
    const owners = [...new Set(slots.map(({ owner }) => formatAddress(owner)))];
    if (owners.length === 0) return [];
    const more = owners.length - NAMED;
    const named = owners.slice(0, NAMED).join(", ");
    return [`${slots.length} ${what}: ${named}${more > 0 ? ` and ${more} more` : ""}`];
  });
}

/** @throws AppError when something would be lost with the former keys. */
export function requireNothingLeft({ unreadable, passwords }: UnderFormer, force: boolean): void {
  if (unreadable > 0) {
    throw new AppError(
      `${unreadable} rows open with none of the service keys; the former ones are kept`,
      { temporary: false },
    );
  }
  if (passwords.length === 0 || force) return;
  const lines = [
    `${passwords.length} password slots still need the former service key, which is kept:`,
    ...explainWaiting(passwords).map((line) => `  ${line}`),
    "  all accounts by name: sealpost service-key rotate --resume --json",
    "With --force these passwords open nothing any more: what is left then is the recovery code or escrow, and for who logs in a reset",
  ];
  throw new AppError(lines.join("\n"), { temporary: false });
}
