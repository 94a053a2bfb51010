/** Keys as users have them, whole and locked, and why they are refused. */
import assert from "node:assert/strict";

import { addressOf } from "./address.ts";
import { cpuStopwatch } from "./cpu-time.ts";
import { ADA, ARGON2, NOW, QUICK, USER, imported, libraryKey } from "./secret-keys.ts";
import { DAY, SECOND, after } from "../../src/base/time.ts";
import { type ImportRefusal } from "../../src/openpgp/imports/import-secret-key.ts";

export const MADE = after(NOW, -50 * DAY);

export const PASSPHRASE = "correct horse";

export const base = { user: USER, date: MADE };

export const rsa = { ...base, type: "rsa" } as const;

export const plain = await libraryKey(base);

export const other = await libraryKey(base);

export const locked = await libraryKey({ ...base, passphrase: PASSPHRASE, config: QUICK });

export const argon2 = await libraryKey({ ...base, passphrase: PASSPHRASE, config: ARGON2 });

export const modern = await libraryKey({ ...base, type: "curve25519", config: { v6Keys: true } });

export async function refusal(
  bytes: Uint8Array,
  o: { readonly passphrase?: string; readonly address?: string; readonly now?: Date } = {},
): Promise<ImportRefusal | undefined> {
  const elapsed = cpuStopwatch();
  const { passphrase } = o;
  const result = await imported(bytes, {
    address: o.address === undefined ? ADA : addressOf(o.address),
    now: o.now ?? NOW,
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  assert(elapsed() < SECOND, "it took more than a second");
  return result.kind === "refused" ? result.reason : undefined;
}
