/** What holds for the sender of a message that waits: their account, their address, and the key that signed. */
import assert from "node:assert/strict";

import { idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { alias, alice, depsFor, enrolAlice } from "../../../test/support/key-life.ts";
import { came } from "../../../test/support/outcome.ts";
import { after, DAY, HOUR, MINUTE } from "../../base/time.ts";
import { addAlias, removeAlias } from "../../keys/alias.ts";
import { closeAccount } from "../../keys/end-account.ts";
import { revokeKey } from "../../keys/revoke.ts";
import { rotateKey } from "../../keys/rotate.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { changeRule, parseContact, policyTowards } from "../../policy/contact-rules.ts";
import { changeRollout } from "../../policy/rollout.ts";
import type { Store } from "../../store/store.ts";
import { openWithService } from "../../vault/master-key.ts";
import { signerNow } from "./signer-now.ts";

const onBoth = testOnBoth();
const bob = addressOf("bob@beta.test");
const settings = { default: "prefer-clear", domains: {} } as const;

/** Alice, whose message was signed with the key that she had then. */
async function aliceIn(store: Store) {
  const deps = depsFor(store);
  const { certificate } = await enrolAlice(deps, { custody: "provider-usable" });
  assert(certificate);
  const account = idOf(alice);
  const masterKey = await openWithService(deps, account);
  assert(masterKey);
  const order = { account, author: alice, signedBy: certificate.fingerprint };
  const now = async (of: { author?: EmailAddress; signedBy?: Fingerprint } = {}) =>
    signerNow({ store, clock: deps.clock, settings }, { ...order, ...of });
  return {
    deps,
    account,
    masterKey,
    now,
    isKeyGood: async () => (await now())?.isKeyGood,
    replaceKey: async () => {
      deps.clock.advance(MINUTE);
      const wish = { address: alice, reason: "superseded", text: "" } as const;
      await came(rotateKey(deps, deps.keyRules, masterKey, wish), "rotated");
    },
    setEnd: async (end: Date) => {
      await store.db
        .updateTable("published_certificates")
        .set({ expires_at: end.getTime() })
        .where("fingerprint", "=", certificate.fingerprint)
        .execute();
    },
    [Symbol.dispose]: () => {
      masterKey[Symbol.dispose]();
    },
  };
}

onBoth("whose account is closed, or who has the address no more, sends nothing", async (open) => {
  await using store = await open();
  using world = await aliceIn(store);
  const { deps, account, masterKey, now } = world;
  assert.notEqual(await now(), undefined);
  await came(addAlias(deps, deps.keyRules, account, alias, masterKey), "added");
  assert.notEqual(await now({ author: alias }), undefined);
  await came(removeAlias(deps, account, alias, masterKey), "released");
  assert.equal(await now({ author: alias }), undefined);
  await came(closeAccount(deps, account, undefined), "closed");
  assert.equal(await now(), undefined);
});

onBoth("of an account that is gone nothing holds", async (open) => {
  await using store = await open();
  const { clock } = depsFor(store);
  const order = { account: idOf(alice), author: alice, signedBy: "0".repeat(40) as Fingerprint };
  assert.equal(await signerNow({ store, clock, settings }, order), undefined);
});

onBoth("each address has the step of its own domain, and the user's rules hold", async (open) => {
  await using store = await open();
  using world = await aliceIn(store);
  const { deps, account, now } = world;
  assert.equal((await now())?.part, "full");
  await changeRollout(deps, alice.domain, { rollout: "receive-only", others: "receive-only" });
  const contact = parseContact("@beta.test") ?? assert.fail();
  await came(changeRule(deps, { account, contact, rule: "always", by: "operator" }), "changed");
  const signer = await now();
  assert.equal(signer?.part, "receives");
  assert.equal(policyTowards(signer.policies, bob), "require");
});

onBoth("a key is good until it expires", async (open) => {
  await using store = await open();
  using world = await aliceIn(store);
  const { deps, isKeyGood } = world;
  assert.equal(await isKeyGood(), true);
  const end = after(deps.clock.now(), HOUR);
  await store.db.updateTable("published_certificates").set({ expires_at: end.getTime() }).execute();
  deps.clock.set(after(end, -1));
  assert.equal(await isKeyGood(), true);
  deps.clock.set(end);
  assert.equal(await isKeyGood(), false);
});

onBoth("a key that was replaced is good for four days and a half", async (open) => {
  await using store = await open();
  using world = await aliceIn(store);
  const { deps, isKeyGood, replaceKey } = world;
  await replaceKey();
  assert.equal(await isKeyGood(), true);
  deps.clock.advance(4 * DAY + 12 * HOUR - 1);
  assert.equal(await isKeyGood(), true);
  deps.clock.advance(1);
  assert.equal(await isKeyGood(), false);
});

onBoth("a key that was replaced is not good after its own end", async (open) => {
  await using store = await open();
  using world = await aliceIn(store);
  const { deps, isKeyGood, replaceKey, setEnd } = world;
  await replaceKey();
  await setEnd(after(deps.clock.now(), HOUR));
  assert.equal(await isKeyGood(), true);
  deps.clock.advance(HOUR);
  assert.equal(await isKeyGood(), false);
});

onBoth("a key that was revoked, or is unknown, is good for nothing", async (open) => {
  for (const reason of ["compromised", "retired"] as const) {
    await using store = await open();
    using world = await aliceIn(store);
    const { deps, account: owner, masterKey, isKeyGood } = world;
    const wish = { address: alice, text: "", reason, owner, masterKey };
    await came(revokeKey(deps, wish), "revoked");
    assert.equal(await isKeyGood(), false);
    const unknown = await world.now({ signedBy: "0".repeat(40) as Fingerprint });
    assert.equal(unknown?.isKeyGood, false);
  }
});
