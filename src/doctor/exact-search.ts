import type { GetResult } from "../fetch/request.ts";
import { type Judgement, fail, ok, skip, warn } from "./finding.ts";
import { type Check, type Target, type Visit, placeName, reachable } from "./visit.ts";

const OK = 200;
const FIRST_SERVER_ERROR = 500;
const NOT_IMPLEMENTED = 501;
const SHORT_ID = 8;

/** Whether the keyserver gives nothing to somebody who does not know the whole address. */
export const exactSearch: Check<Visit> = {
  name: "exact-search",
  why: "A keyserver that answers parts of addresses or wildcards is a list of the users for whoever sends spam.",
  run: async (visit) => {
    const targets = reachable(visit);
    if (targets.length === 0)
      return [skip("searches for parts", "no keyserver can be reached (see tls)")];
    return await Promise.all(targets.map(async (target) => search(visit, target)));
  },
};

async function search(visit: Visit, target: Target): Promise<Judgement> {
  const { deps } = visit;
  const place = placeName(target);
  const answers = await Promise.all(
    partsOf(visit).map(async (part) => {
      const path = `/pks/lookup?op=index&options=mr&exact=off&search=${encodeURIComponent(part)}`;
      const { host, port } = target;
      const answer = await deps.get({ host, port, path, accept: "text/plain" });
      return { part, answer };
    }),
  );
  const found = answers.filter(({ answer }) => isFound(answer)).map(({ part }) => part);
  if (found.length > 0) {
    return fail(
      `${place} finds something for ${found.map((part) => JSON.stringify(part)).join(", ")}`,
      "Let the name and port lead to Sealpost's keyserver, which searches exactly, and to nothing else.",
    );
  }
  const failed = answers.filter(({ answer }) => isFailure(answer));
  return failed.length > 0
    ? warn(
        `${place} answered ${failed.length} of ${answers.length} searches for parts with trouble`,
        "Look into the log of the keyserver, then ask doctor again.",
      )
    : ok(`${place} finds nothing for wildcards, parts of addresses and short key IDs`);
}

/** A wildcard, the domain, and parts of an address and of a fingerprint that are there. */
function partsOf({ domain, sample }: Visit): readonly string[] {
  const ofSample =
    sample === undefined
      ? []
      : [
          sample.address.local,
          `${sample.address.local.slice(0, 1)}*@${domain}`,
          `0x${sample.fingerprint.slice(-SHORT_ID)}`,
        ];
  return ["*", `@${domain}`, domain, ...ofSample];
}

function isFound(answer: GetResult): boolean {
  return answer.kind === "response" && answer.status === OK;
}

function isFailure(answer: GetResult): boolean {
  if (answer.kind === "failed") return true;
  return answer.status >= FIRST_SERVER_ERROR && answer.status !== NOT_IMPLEMENTED;
}
