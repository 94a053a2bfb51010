import { DAY, after } from "../base/time.ts";
import type { Signature } from "../dns/answer.ts";
import { type Judgement, fail, ok, skip } from "./finding.ts";
import type { Check, Visit } from "./visit.ts";

const ENDING_MS = 3 * DAY;

/** Whether the signatures of the SRV record and of the addresses will still hold in some days. */
export const signatures: Check<Visit> = {
  name: "signatures",
  why: "When signatures end before the zone is signed again, every sender in the world refuses the answer at once: nothing is sealed, and mail under strict policies waits.",
  run: async (visit) => [judge(proven(visit), visit.deps.clock.now())],
};

/** The signatures of what the resolver proved of a domain. */
export function proven({ srv, targets }: Visit): readonly Signature[] {
  return [srv, ...targets.map(({ addresses }) => addresses)].flatMap(
    ({ answer, signatures: all }) =>
      answer.kind === "answer" && answer.dnssec === "secure" ? all : [],
  );
}

function judge(all: readonly Signature[], now: Date): Judgement {
  const [first] = lastOfEach(all).toSorted(
    (a, b) => a.validUntil.getTime() - b.validUntil.getTime(),
  );
  if (first === undefined) {
    return skip("how long signatures last", "nothing is proven that could expire (see srv)");
  }
  const until = `${first.validUntil.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return first.validUntil < after(now, ENDING_MS)
    ? fail(
        `the signature of ${first.covers} of ${first.owner} ends on ${until}, in less than 3 days`,
        `Sign the zone ${first.signer} again now, and see that its signer renews signatures a week before they end.`,
      )
    : ok(`all signatures hold at least until ${until}`);
}

/** While keys change there are two signatures of the same records, and one is enough: the later counts. */
function lastOfEach(all: readonly Signature[]): readonly Signature[] {
  const latest = new Map<string, Signature>();
  for (const one of all) {
    const key = `${one.owner} ${one.covers}`;
    const other = latest.get(key);
    if (other === undefined || other.validUntil < one.validUntil) latest.set(key, one);
  }
  return [...latest.values()];
}
