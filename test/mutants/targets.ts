/** What is mutated: the files on which verdicts and clear text depend, each with the tests that must notice. */
export type Target = {
  /** Below `src/`. */
  readonly file: string;
  /** Test files from the project's root, the quickest first. */
  readonly tests: readonly string[];
};

const NEWS = "src/outgoing/deferral/news.test.ts";
const RETRY = "src/outgoing/deferral/retry.test.ts";
const DEFERRAL = "src/outgoing/deferral/deferral.test.ts";
const CLEAR_SIGNED = "test/attack/clear-signed.test.ts";

export const TARGETS: readonly Target[] = [
  {
    file: "incoming/judge.ts",
    tests: [
      "src/incoming/judge.test.ts",
      "src/incoming/judge-addressed.test.ts",
      "src/incoming/judge-header.test.ts",
      "src/incoming/judge-time.test.ts",
      "src/incoming/judge-evidence.test.ts",
      "test/attack/opened-and-sent-on.test.ts",
      CLEAR_SIGNED,
      "test/attack/two-readings.test.ts",
    ],
  },
  {
    file: "incoming/check-signature.ts",
    tests: [
      "src/incoming/check-signature.test.ts",
      "src/incoming/judge.test.ts",
      "src/incoming/judge-time.test.ts",
    ],
  },
  {
    file: "outgoing/plan.ts",
    tests: [
      "src/outgoing/rules.test.ts",
      "src/outgoing/plan.test.ts",
      "src/outgoing/outgoing.test.ts",
    ],
  },
  {
    file: "outgoing/own-address.ts",
    tests: ["src/outgoing/own-address.test.ts", "src/outgoing/prepare.test.ts"],
  },
  {
    file: "outgoing/demand.ts",
    tests: [
      "src/outgoing/rules.test.ts",
      "src/outgoing/demand.test.ts",
      "src/outgoing/prepare.test.ts",
      "src/outgoing/outgoing.test.ts",
      "test/attack/already-protected.test.ts",
    ],
  },
  {
    file: "outgoing/outgoing.ts",
    tests: [
      "src/outgoing/rules.test.ts",
      "src/outgoing/outgoing.test.ts",
      "src/outgoing/own-address.test.ts",
      "src/outgoing/demand.test.ts",
      "src/outgoing/copies.test.ts",
      "src/outgoing/autocrypt.test.ts",
      "src/outgoing/prepare.test.ts",
      "test/attack/already-protected.test.ts",
    ],
  },
  {
    file: "outgoing/prepare.ts",
    tests: [
      "src/outgoing/rules.test.ts",
      "src/outgoing/prepare.test.ts",
      "src/outgoing/outgoing.test.ts",
      "src/outgoing/own-address.test.ts",
      "src/outgoing/demand.test.ts",
    ],
  },
  {
    file: "outgoing/protect.ts",
    tests: [
      "src/outgoing/rules.test.ts",
      "src/outgoing/outgoing.test.ts",
      "src/outgoing/own-address.test.ts",
      "src/outgoing/demand.test.ts",
      "src/outgoing/hand-on.test.ts",
      "src/outgoing/protect.test.ts",
      NEWS,
    ],
  },
  {
    file: "outgoing/recipients.ts",
    tests: [
      "src/outgoing/recipients.test.ts",
      "src/outgoing/rules.test.ts",
      "src/outgoing/outgoing.test.ts",
    ],
  },
  ...["encrypt-copies", "news", "order", "signer-now", "waiting"].map((name) => ({
    file: `outgoing/deferral/${name}.ts`,
    tests: [`src/outgoing/deferral/${name}.test.ts`, DEFERRAL],
  })),
  {
    file: "outgoing/deferral/retry.ts",
    tests: [RETRY, "src/outgoing/deferral/turns.test.ts", DEFERRAL],
  },
  {
    file: "outgoing/deferral/defer.ts",
    tests: ["src/outgoing/deferral/defer.test.ts", NEWS, DEFERRAL],
  },
  {
    file: "outgoing/deferral/endings.ts",
    tests: ["src/outgoing/deferral/endings.test.ts", NEWS, RETRY, DEFERRAL],
  },
  { file: "policy/rollout.ts", tests: ["src/policy/rollout.test.ts"] },
  {
    file: "policy/contact-rules.ts",
    tests: ["src/policy/contact-rules.test.ts", "src/outgoing/rules.test.ts"],
  },
  {
    file: "discovery/look-up.ts",
    tests: [
      "src/discovery/look-up.test.ts",
      "src/discovery/cache.test.ts",
      "src/discovery/discovery.test.ts",
      "src/discovery/author.test.ts",
      "src/discovery/doubtful-keys.test.ts",
      "src/discovery/lasting-doubt.test.ts",
      "src/discovery/memory.test.ts",
    ],
  },
  {
    file: "openpgp/certificates/acceptance.ts",
    tests: [
      "src/openpgp/certificates/acceptance.test.ts",
      "src/openpgp/certificates/encryption-subkeys.test.ts",
    ],
  },
  {
    file: "pgpmime/protected-headers.ts",
    tests: ["src/pgpmime/protected-headers.test.ts", "src/pgpmime/payload-header.test.ts"],
  },
  {
    file: "pgpmime/payload-header.ts",
    tests: [
      "src/pgpmime/payload-header.test.ts",
      "src/incoming/judge.test.ts",
      "src/incoming/judge-header.test.ts",
    ],
  },
  {
    file: "pgpmime/shown-header.ts",
    tests: [
      "src/pgpmime/shown-header.test.ts",
      "src/incoming/judge.test.ts",
      "src/incoming/judge-header.test.ts",
    ],
  },
  { file: "pgpmime/detect.ts", tests: ["src/pgpmime/detect.test.ts"] },
  {
    file: "keyserver/query.ts",
    tests: ["src/keyserver/query.test.ts", "src/keyserver/keyserver.test.ts"],
  },
  { file: "fetch/public-address.ts", tests: ["src/fetch/public-address.test.ts"] },
  { file: "vault/slots.ts", tests: ["src/vault/slots.test.ts"] },
];
