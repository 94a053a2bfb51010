import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import type { Policy } from "../words/account.ts";
import { policyInForce } from "./policy.ts";

const policies = fc.constantFrom<Policy>("require", "prefer-pickup", "prefer-clear", "off");
const maybe = fc.option(policies, { nil: undefined });

test("the nearest level that says something wins", () => {
  const domain = { policy: "prefer-pickup", enforced: false } as const;
  assert.equal(policyInForce({ installation: "prefer-clear" }), "prefer-clear");
  assert.equal(policyInForce({ installation: "prefer-clear", domain }), "prefer-pickup");
  const levels = { installation: "prefer-clear", domain, user: "off" } as const;
  assert.equal(policyInForce(levels), "off");
  assert.equal(policyInForce({ ...levels, contact: "require" }), "require");
});

test("a `require` that the domain enforces is never weakened, whatever users and contacts say", () => {
  fc.assert(
    fc.property(policies, maybe, maybe, (installation, user, contact) => {
      const domain = { policy: "require", enforced: true } as const;
      assert.equal(policyInForce({ installation, domain, user, contact }), "require");
    }),
  );
});

test("enforcing anything else than `require` binds nobody", () => {
  fc.assert(
    fc.property(
      policies,
      policies.filter((policy) => policy !== "require"),
      policies,
      (installation, policy, user) => {
        assert.equal(
          policyInForce({ installation, domain: { policy, enforced: true }, user }),
          user,
        );
      },
    ),
  );
});
