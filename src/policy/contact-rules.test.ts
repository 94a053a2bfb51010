import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, alias } from "../../test/support/key-life.ts";
import { listAudit } from "../journal/journal.ts";
import { readStanding } from "../store/accounts/standing.ts";
import type { Contact, ContactRule } from "../words/contact.ts";
import { changeRule, parseContact, policyTowards, rulesOf, senderPolicy } from "./contact-rules.ts";

const bob = addressOf("bob@beta.test");

function contact(text: string): Contact {
  return parseContact(text) ?? assert.fail(text);
}

function rules(...of: readonly (readonly [string, ContactRule])[]) {
  return new Map(of.map(([text, rule]) => [contact(text), rule]));
}

test("a contact is an address, or a domain with @ or without it, in one form", () => {
  assert.equal(contact("Bob@Beta.test"), "bob@beta.test");
  assert.equal(contact("@Beta.test"), "@beta.test");
  assert.equal(contact("beta.test"), "@beta.test");
  for (const text of ["", "@", "bob@", "two words", "*.beta.test"]) {
    assert.equal(parseContact(text), undefined, text);
  }
});

test("the rule for an address is nearer than that for its domain, and both are nearer than the user's policy", () => {
  const levels = { installation: "prefer-clear" } as const;
  const both = rules(["@beta.test", "always"], ["bob@beta.test", "never"]);
  assert.equal(policyTowards({ levels, domains: {}, rules: both }, bob), "off");
  assert.equal(
    policyTowards({ levels, domains: {}, rules: both }, addressOf("ben@beta.test")),
    "require",
  );
  assert.equal(
    policyTowards({ levels, domains: {}, rules: both }, addressOf("bob@gamma.test")),
    "prefer-clear",
  );
  const own = { ...levels, user: "require" } as const;
  assert.equal(policyTowards({ levels: own, domains: {}, rules: both }, bob), "off");
  assert.equal(
    policyTowards({ levels, domains: {}, rules: rules(["beta.test", "ask"]) }, bob),
    "prefer-clear",
  );
});

test("no rule weakens a `require` that the domain enforces", () => {
  const domain = { policy: "require", enforced: true } as const;
  const levels = { installation: "prefer-clear", domain } as const;
  assert.equal(
    policyTowards({ levels, domains: {}, rules: rules(["beta.test", "never"]) }, bob),
    "require",
  );
});

test("mail from an address of another domain is under the stricter policy of the two domains", () => {
  const levels = { installation: "prefer-clear" } as const;
  const strict = { policy: "require", enforced: true } as const;
  const domains = { "beta.test": strict };
  const of = { levels, domains, rules: rules(["gamma.test", "never"]) };
  const gita = addressOf("gita@gamma.test");
  assert.equal(policyTowards(of, gita), "off");
  assert.equal(policyTowards(of, gita, addressOf("x@beta.test").domain), "require");
  assert.equal(policyTowards(of, bob, addressOf("x@alpha.test").domain), "prefer-clear");
});

test("before it is known whom a message is from, the login's own domain alone decides", () => {
  const domain = { policy: "prefer-clear", enforced: false } as const;
  const levels = { installation: "require", domain } as const;
  assert.equal(policyTowards({ levels, domains: {}, rules: new Map() }, bob), "prefer-clear");
});

for (const { engine, open } of engines()) {
  test(`${engine}: a rule is changed with one audit row that does not name the contact, and not where it is that already`, async () => {
    await using store = await open();
    await haveAccounts(store, alice);
    const deps = { store, clock: fakeClock() };
    const account = idOf(alice);
    const wish = { account, contact: contact("bob@beta.test"), by: "operator" } as const;
    const ofDomain = { ...wish, contact: contact("@beta.test") };
    assert.equal((await readStanding(store, account))?.hasRules, false);
    assert.equal((await changeRule(deps, { ...wish, rule: "never" })).kind, "changed");
    assert.equal((await changeRule(deps, { ...wish, rule: "never" })).kind, "unchanged");
    assert.equal((await readStanding(store, account))?.hasRules, true);
    assert.equal((await changeRule(deps, { ...wish, rule: "always" })).kind, "changed");
    assert.deepEqual([...(await rulesOf(store, account))], [["bob@beta.test", "always"]]);
    assert.equal((await changeRule(deps, { ...wish, rule: undefined })).kind, "changed");
    assert.equal((await readStanding(store, account))?.hasRules, false);
    assert.equal((await changeRule(deps, { ...ofDomain, rule: "always" })).kind, "changed");
    const entries = await Array.fromAsync(listAudit(store, account));
    assert.deepEqual(
      entries.map(({ action, detail }) => [action, detail]),
      [
        ["rule.changed", { about: "address", from: "none", to: "never", by: "operator" }],
        ["rule.changed", { about: "address", from: "never", to: "always", by: "operator" }],
        ["rule.changed", { about: "address", from: "always", to: "none", by: "operator" }],
        ["rule.changed", { about: "domain", from: "none", to: "always", by: "operator" }],
      ],
    );
  });

  test(`${engine}: what decides about a user's mail has their rules`, async () => {
    await using store = await open();
    await haveAccounts(store, alice);
    const deps = { store, clock: fakeClock() };
    const wish = { account: idOf(alice), contact: contact("@beta.test"), by: "operator" } as const;
    const settings = { default: "prefer-clear", domains: {} } as const;
    for (const [rule, policy] of [
      [undefined, "prefer-clear"],
      ["always", "require"],
      ["never", "off"],
    ] as const) {
      await changeRule(deps, { ...wish, rule });
      const standing = await readStanding(store, idOf(alice));
      assert(standing);
      assert.equal(policyTowards(await senderPolicy(store, settings, standing), bob), policy);
    }
  });

  test(`${engine}: an account that is gone gets no rule, and nobody gets more than 1000`, async () => {
    await using store = await open();
    await haveAccounts(store, alice);
    const deps = { store, clock: fakeClock() };
    const wish = { contact: contact("@beta.test"), rule: "never", by: "operator" } as const;
    assert.equal((await changeRule(deps, { ...wish, account: idOf(alias) })).kind, "no-account");
    const account = idOf(alice);
    const rows = Array.from({ length: 1000 }, (_, index) => {
      return { account, contact: `c${String(index)}@x.test`, rule: "never", since: 0 };
    });
    await store.db.insertInto("contact_rules").values(rows).execute();
    assert.equal((await changeRule(deps, { ...wish, account })).kind, "too-many-rules");
    const change = { ...wish, account, contact: contact("c0@x.test"), rule: "always" } as const;
    assert.equal((await changeRule(deps, change)).kind, "changed");
  });
}
