/** One password has several forms in Unicode, and each opens what any of them has made (RFC 8265 §4.2). */
import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../test/support/engines.ts";
import { actions, alice, depsFor, network, opened } from "../../test/support/key-life.ts";
import { Secret } from "../base/secret.ts";
import { changePassword } from "../keys/password.ts";
import { TypedPassword } from "../keys/typed-password.ts";
import { enrol } from "./enrol.ts";
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

  for (const kept of ["letters and marks (NFD)", "ISO 8859-1"] as const) {
    test(`${engine}: an account whose password was kept as ${kept} goes on, and is kept as NFC from its next login`, async (t) => {
      await using store = await open();
      const deps = depsFor(store);
      await enrol(deps, { ...wanted, password: typed(FORMS[kept]) });
      const former = new TypedPassword(typed(FORMS[kept]));
      await former.trying(async () =>
        Promise.resolve(FORMS[kept].equals(former.secret.reveal()) ? true : undefined),
      );
      const mocked = t.mock.method(former, "takeKeptForm", () => undefined);
      using masterKey = await opened(deps, typed(FORMS[kept]));
      await changePassword(deps, masterKey, { password: former, action: "password.changed" });
      mocked.mock.restore();

      assert(await opens(deps, FORMS[kept]));
      assert.equal((await actions(store)).filter((one) => one === "password.rewrapped").length, 1);
      for (const [form, each] of Object.entries(FORMS)) assert(await opens(deps, each), form);
      assert.equal((await actions(store)).filter((one) => one === "password.rewrapped").length, 1);
    });
  }
}

test("a right password in the kept form, and every one of ASCII, takes one Argon2id", async () => {
  for (const [text, most] of [
    ["correct horse", 1],
    [NFC, 2],
  ] as const) {
    using password = new TypedPassword(Secret.fromText(text));
    let tried = 0;
    assert.equal(await password.trying(async () => Promise.resolve((tried += 1))), 1);
    tried = 0;
    const none = async (): Promise<undefined> => {
      tried += 1;
      return Promise.resolve(undefined);
    };
    await password.trying(none);
    assert.equal(tried, most);
  }
});
