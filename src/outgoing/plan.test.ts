import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { fromUnixMs } from "../base/time.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { parseAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { Policy } from "../words/account.ts";
import { planFor, type Looked, type Plan, type Recipient } from "./plan.ts";

const address = parseAddress("bo@recv.example");
assert(address !== undefined);
const checkedAt = fromUnixMs(0);
const certificate = { fingerprint: "0".repeat(40) } as unknown as Certificate;

/** One discovery of each code, as the state table has them. */
const states: Readonly<Record<string, Discovery>> = {
  OK: {
    kind: "found",
    code: "OK",
    source: "hkp",
    certificate,
    fetchedAt: checkedAt,
    evidence: { checkedAt },
  },
  LOCAL: {
    kind: "found",
    code: "LOCAL",
    source: "local",
    certificate,
    fetchedAt: checkedAt,
    evidence: { checkedAt },
  },
  NOSVC: { kind: "absent", code: "NOSVC", evidence: { checkedAt } },
  INSEC: { kind: "absent", code: "INSEC", evidence: { checkedAt } },
  NOKEY: { kind: "absent", code: "NOKEY", evidence: { checkedAt } },
  BADKEY: { kind: "absent", code: "BADKEY", reason: "revoked", evidence: { checkedAt } },
  "BADKEY?": {
    kind: "unreachable",
    code: "BADKEY",
    reason: "wrong-user-id",
    evidence: { checkedAt },
  },
  "BADKEY!": {
    kind: "unreachable",
    code: "BADKEY",
    reason: "wrong-user-id",
    lastingSince: checkedAt,
    evidence: { checkedAt },
  },
  "UNSURE-DNS": {
    kind: "unreachable",
    code: "UNSURE-DNS",
    reason: "bogus",
    evidence: { checkedAt },
  },
  "UNSURE-KS": {
    kind: "unreachable",
    code: "UNSURE-KS",
    reason: "timeout",
    evidence: { checkedAt },
  },
};

function looked(...codes: readonly string[]): readonly Looked[] {
  return codes.map((code) => {
    const discovery = states[code];
    assert(discovery !== undefined);
    return { address, discovery } as Looked;
  });
}

/** The plan where one policy holds for all recipients. */
function planUnder(recipients: readonly Looked[], policy: Policy): Plan {
  return planFor(recipients.map((one): Recipient => withPolicy(one, policy)));
}

function withPolicy({ address: recipient, discovery }: Looked, policy: Policy): Recipient {
  return policy === "off"
    ? { address: recipient, policy }
    : { address: recipient, policy, discovery };
}

/** The rows of the decision table, one recipient each. */
const rows: readonly (readonly [code: string, require: string, pickup: string, clear: string])[] = [
  ["OK", "seal", "seal", "seal"],
  ["LOCAL", "seal", "seal", "seal"],
  ["NOSVC", "refuse", "refuse", "clear"],
  ["INSEC", "refuse", "refuse", "clear"],
  ["NOKEY", "refuse", "refuse", "clear"],
  ["BADKEY", "refuse", "refuse", "clear"],
  ["BADKEY?", "later", "later", "later"],
  ["BADKEY!", "refuse", "refuse", "refuse"],
  ["UNSURE-DNS", "later", "later", "later"],
  ["UNSURE-KS", "later", "later", "later"],
];

for (const [code, ...expected] of rows) {
  const policies: readonly Policy[] = ["require", "prefer-pickup", "prefer-clear"];
  for (const [index, policy] of policies.entries()) {
    test(`a recipient in state ${code} under ${policy}: ${expected[index] ?? ""}`, () => {
      assert.equal(planUnder(looked(code), policy).kind, expected[index]);
    });
  }
  test(`a recipient in state ${code} under off: clear`, () => {
    assert.equal(planUnder(looked(code), "off").kind, "clear");
  });
}

const anyLooked = fc
  .array(fc.constantFrom(...Object.keys(states)), { minLength: 1, maxLength: 8 })
  .map((codes) => looked(...codes));
const anyPolicy = fc.constantFrom<Policy>("require", "prefer-pickup", "prefer-clear");

test("an uncertain recipient never lets a message leave in clear", () => {
  fc.assert(
    fc.property(anyLooked, anyPolicy, (recipients, policy) => {
      const plan = planUnder(recipients, policy);
      const isUncertain = recipients.some(({ discovery }) => discovery.kind === "unreachable");
      assert(plan.kind !== "clear" || (!isUncertain && policy === "prefer-clear"));
    }),
  );
});

test("a message is sealed for everybody or for nobody", () => {
  fc.assert(
    fc.property(anyLooked, anyPolicy, (recipients, policy) => {
      const plan = planUnder(recipients, policy);
      const isEverybody = recipients.every(({ discovery }) => discovery.kind === "found");
      assert.equal(plan.kind === "seal", isEverybody);
      if (plan.kind === "seal") assert.equal(plan.recipients.length, recipients.length);
    }),
  );
});

test("the order of the recipients changes nothing about what happens", () => {
  fc.assert(
    fc.property(anyLooked, anyPolicy, (recipients, policy) => {
      assert.equal(
        planUnder(recipients, policy).kind,
        planUnder(recipients.toReversed(), policy).kind,
      );
    }),
  );
});

const anyRecipient = fc
  .tuple(
    fc.constantFrom(...Object.keys(states)),
    fc.constantFrom<Policy>("off", "require", "prefer-pickup", "prefer-clear"),
  )
  .map(([code, policy]) => looked(code).map((one) => withPolicy(one, policy)))
  .map(([one]) => one ?? assert.fail());
const anyRecipients = fc.array(anyRecipient, { minLength: 1, maxLength: 8 });

test("whatever policy each recipient has, nobody gets clear text who must not, or who is not certain", () => {
  fc.assert(
    fc.property(anyRecipients, fc.boolean(), (recipients, isSplit) => {
      const plan = planFor(recipients, { isSplit });
      const isClear = plan.kind === "clear" || plan.kind === "split";
      if (!isClear) return;
      for (const one of recipients) {
        if (one.policy === "off") continue;
        assert.notEqual(one.discovery.kind, "unreachable");
        const isSealed = plan.kind === "split" && one.discovery.kind === "found";
        assert(isSealed || one.policy === "prefer-clear");
      }
    }),
  );
});

test("a split seals for each recipient who has a certificate, and leaves nobody out", () => {
  fc.assert(
    fc.property(anyRecipients, (recipients) => {
      const plan = planFor(recipients, { isSplit: true });
      if (plan.kind !== "split") return;
      assert.equal(plan.recipients.length + plan.clear.length, recipients.length);
      assert(plan.recipients.length > 0 && plan.clear.length > 0);
    }),
  );
});

test("a split seals for one recipient as for many", () => {
  const [found, absent] = [looked("OK"), looked("NOSVC")].map(([one]) => one ?? assert.fail());
  assert(found && absent);
  const recipients = [found, absent].map((one) => withPolicy(one, "prefer-clear"));
  const plan = planFor(recipients, { isSplit: true });
  assert(plan.kind === "split");
  assert.equal(plan.recipients.length, 1);
});

test("without a split nobody's certificate is used in a message that is clear for others", () => {
  const [found, absent] = [looked("OK"), looked("NOSVC")].map(([one]) => one ?? assert.fail());
  assert(found && absent);
  const never = { address, policy: "off" } as const;
  const kind = (...recipients: readonly Recipient[]) => planFor(recipients).kind;
  assert.equal(kind(withPolicy(found, "prefer-clear"), never), "clear");
  const plan = planFor([found, absent].map((one) => withPolicy(one, "prefer-clear")));
  assert(plan.kind === "clear");
  // What was found is told all the same.
  assert.deepEqual([plan.found.length, plan.unsupported.length], [1, 1]);
  assert.equal(kind(withPolicy(found, "require"), never), "conflict");
  assert.equal(kind(withPolicy(found, "require"), withPolicy(absent, "prefer-clear")), "refuse");
  assert.equal(kind(withPolicy(found, "prefer-clear"), withPolicy(absent, "require")), "refuse");
  assert.equal(kind(never), "clear");
});
