import { fail, failNow, ok } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Whether the configured resolver validates. */
export const resolverCheck: Check<Pick<DoctorDeps, "resolver" | "testResolver">> = {
  name: "resolver",
  why: "What DNSSEC proves is the ground of every look-up: while the resolver does not validate, every recipient counts as unreachable and nothing is sealed.",
  run: async ({ resolver, testResolver }) => {
    const where = `the resolver ${resolver.host}:${resolver.port}`;
    const result = await testResolver();
    if (result.kind === "passed") return [ok(`${where} validates`)];
    const test = `dig +dnssec @${resolver.host} -p ${resolver.port} . SOA (must show the flag "ad")`;
    return result.isAnswer === true
      ? [
          fail(
            `${where} does not validate: ${result.reason}`,
            `Switch validation on there (Unbound: module-config: "validator iterator" and a trust anchor), or name another one under [resolver]. Test: ${test}`,
          ),
        ]
      : [
          failNow(
            `${where} does not answer: ${result.reason}`,
            `Start it, or name another one under [resolver]. Test: ${test}`,
          ),
        ];
  },
};
