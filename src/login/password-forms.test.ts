/** One password has several forms in Unicode, and each opens what any of them has made (RFC 8265 §4.2). */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, depsFor, network } from "../../test/support/key-life.ts";
import { Secret } from "../base/secret.ts";
import { login, type LoginDeps } from "./login.ts";

const NFC = "Käse & Brötchen";
const FORMS = {
  "one character a letter (NFC)": Buffer.from(NFC.normalize("NFC")),
  "letters and marks (NFD)": Buffer.from(NFC.normalize("NFD")),
  "ISO 8859-1": Buffer.from(NFC, "latin1"),
};
const wanted = { address: alice, custody: "unlocks-at-login", profile: "compat" } as const;
const typed = (octets: Buffer): Secret => new Secret(Uint8Array.from(octets));

async function opens(deps: LoginDeps, octets: Buffer): Promise<boolean> {
  const result = await login(deps, { address: alice, password: typed(octets), network });
  if (result.kind !== "ok") return false;
  using keys = result.keys;
  return keys.active !== undefined && !result.isLocked;
}

for (const { engine, open } of engines()) {
  for (const [name, octets] of Object.entries(FORMS)) {
    test(`${engine}: a password that was set as ${name} opens in every form`, async () => {
      await using store = await open();
      const deps = depsFor(store);
      await enrol(deps, { ...wanted, password: typed(octets) });
      for (const [form, each] of Object.entries(FORMS)) assert(await opens(deps, each), form);
      assert(!(await opens(deps, Buffer.from("Kase & Brotchen"))));
    });
  }
}
