/** The organisation's way in: to the keys in use and to those that a reset parked, until it ends for good. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  alice,
  depsFor,
  fresh,
  old,
  opened,
  opensMailFor,
  type Deps,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { Secret } from "../base/secret.ts";
import { DAY } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { replaceKeys } from "../keys/custody.ts";
import { reclaimFormerKeys } from "../keys/parked-keys.ts";
import { recoverWithEscrow, resetPassword } from "../login/recover.ts";
import { generateKey, type GeneratedKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { dearmor } from "../openpgp/packets/armored-blocks.ts";
import { listMasterKeys } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { escrowMessages, openWithEscrow, type EscrowMessage } from "./escrow.ts";

type Organisation = { readonly deps: Deps; readonly key: GeneratedKey };

const third = (): Secret => Secret.fromText("the third password");

/** Alice, whose organisation has a way in. */
async function withEscrow(store: Store): Promise<Organisation> {
  const bare = depsFor(store);
  const now = bare.clock.now();
  const address = addressOf("escrow@alpha.test");
  const key = await generateKey({ address, profile: "compat", now });
  const deps = { ...bare, keyRules: { ...bare.keyRules, escrow: key.certificate } };
  const wanted = { address: alice, custody: "unlocks-at-login", ...deps.keyRules } as const;
  await enrol(deps, { ...wanted, password: old() });
  deps.clock.advance(DAY);
  return { deps, key };
}

/** What the organisation does with its own program. */
async function decrypted(
  { key }: Organisation,
  message: EscrowMessage | undefined,
): Promise<Secret> {
  const read = dearmor(Buffer.from(message?.armor ?? ""));
  assert(read.kind === "armored");
  using unlocked = await readSecretKey(key.secretKey.clone());
  const result = await decrypt({ message: read.data, keys: [unlocked] });
  assert(result.kind === "decrypted");
  return new Secret(Uint8Array.from(result.data));
}

for (const { engine, open } of engines()) {
  test(`${engine}: escrow opens the keys in use, which stay as they are`, async () => {
    await using store = await open();
    const organisation = await withEscrow(store);
    const { deps } = organisation;
    const first = await active(store);
    assert(first);
    const messages = await escrowMessages(deps, idOf(alice));
    assert.equal(messages.length, 1);
    assert.deepEqual(await escrowMessages(deps, idOf(alice), "former"), []);
    const proof = await decrypted(organisation, messages[0]);
    assert.equal(await openWithEscrow(deps, idOf(alice), proof, "former"), undefined);
    assert.equal(
      (await came(recoverWithEscrow(deps, idOf(alice), proof, fresh()), "recovered")).keys,
      "kept",
    );
    assert.equal(await active(store), first);
    assert.equal(await opensMailFor(deps, fresh(), first), true);
  });

  test(`${engine}: escrow opens and reclaims the keys that each reset parked, and the audit log says so`, async () => {
    await using store = await open();
    const organisation = await withEscrow(store);
    const { deps } = organisation;
    const first = await active(store);
    await came(resetPassword(deps, idOf(alice), fresh()), "recovered");
    deps.clock.advance(DAY);
    const second = await active(store);
    await came(resetPassword(deps, idOf(alice), third()), "recovered");
    assert(first && second);
    const messages = await escrowMessages(deps, idOf(alice), "former");
    assert.equal(messages.length, 2);
    assert(messages[0] && messages[1] && messages[0].since > messages[1].since);
    for (const [at, fingerprint] of [second, first].entries()) {
      assert.equal(await opensMailFor(deps, third(), fingerprint), false);
      const proof = await decrypted(organisation, messages[at]);
      assert.equal((await recoverWithEscrow(deps, idOf(alice), proof, old())).kind, "wrong-escrow");
      using masterKey = await opened(deps, third());
      const kind = "escrow";
      await came(reclaimFormerKeys(deps, masterKey, { kind, decrypted: proof }), "reclaimed");
      assert.equal(await opensMailFor(deps, third(), fingerprint), true);
      assert.equal(
        (await reclaimFormerKeys(deps, masterKey, { kind, decrypted: proof })).kind,
        "opens-no-parked-key",
      );
    }
    assert.deepEqual(await listMasterKeys(store, idOf(alice), "former"), []);
    const entries = await Array.fromAsync(listAudit(store, idOf(alice)));
    assert.deepEqual(
      entries.slice(-4).map(({ action, detail }) => ({ action, detail })),
      [1, 2].flatMap(() => [
        { action: "escrow.used", detail: { former: true } },
        { action: "former-keys.opened", detail: { by: "escrow" } },
      ]),
    );
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: what was decrypted before escrow ended for good opens nothing after it, parked keys neither`, async () => {
    await using store = await open();
    const organisation = await withEscrow(store);
    const { deps } = organisation;
    const before = await decrypted(organisation, (await escrowMessages(deps, idOf(alice)))[0]);
    await came(resetPassword(deps, idOf(alice), fresh()), "recovered");
    const now = await decrypted(organisation, (await escrowMessages(deps, idOf(alice)))[0]);
    {
      using parked = await openWithEscrow(deps, idOf(alice), before, "former");
      assert(parked);
      using masterKey = await opened(deps, fresh());
      await came(
        replaceKeys(deps, deps.keyRules, masterKey, {
          password: fresh(),
          withRecoveryCode: false,
          custody: "unlocks-at-login",
          why: "escrow",
        }),
        "renewed",
      );
    }
    assert.equal((await listMasterKeys(store, idOf(alice), "former")).length, 1);
    for (const state of ["current", "former"] as const) {
      assert.deepEqual(await escrowMessages(deps, idOf(alice), state), []);
      for (const proof of [before, now]) {
        assert.equal(await openWithEscrow(deps, idOf(alice), proof, state), undefined);
      }
    }
    using masterKey = await opened(deps, fresh());
    const proof = { kind: "escrow", decrypted: before } as const;
    assert.equal((await reclaimFormerKeys(deps, masterKey, proof)).kind, "opens-no-parked-key");
  });

  test(`${engine}: escrow that its user ends while a reset is under way does not come back`, async () => {
    await using store = await open();
    const { deps } = await withEscrow(store);
    let isFirst = true;
    const watched = new Proxy(store, {
      get: (_target, name) => {
        const value: unknown = Reflect.get(store, name, store);
        if (name !== "transaction" || !isFirst) {
          return typeof value === "function" ? (value.bind(store) as unknown) : value;
        }
        isFirst = false;
        return async (work: Parameters<Store["transaction"]>[0]) => {
          using masterKey = await opened(deps, old());
          const custody = "unlocks-at-login";
          const o = { password: old(), withRecoveryCode: false, custody, why: "escrow" } as const;
          await came(replaceKeys(deps, deps.keyRules, masterKey, o), "renewed");
          return store.transaction(work);
        };
      },
    });
    await came(resetPassword({ ...deps, store: watched }, idOf(alice), fresh()), "recovered");
    assert.equal(isFirst, false);
    for (const state of ["current", "former"] as const) {
      assert.deepEqual(await escrowMessages(deps, idOf(alice), state), []);
    }
  });
}
