import { type Judgement, fail, ok, skip, warn } from "./finding.ts";
import { type Check, type Target, type Visit, placeName, reachable } from "./visit.ts";

const METHOD_NOT_ALLOWED = 405;
const NOT_IMPLEMENTED = 501;
const FIRST_REFUSAL = 400;
const FIRST_SERVER_ERROR = 500;

/** Whether the keyserver refuses to be written to. */
export const readOnly: Check<Visit> = {
  name: "read-only",
  why: "Nobody may put keys into a provider's keyserver from outside: it must refuse POST (405 or 501).",
  run: async (visit) => {
    const targets = reachable(visit);
    if (targets.length === 0)
      return [skip("the refusal of POST", "no keyserver can be reached (see tls)")];
    return await Promise.all(targets.map(async (target) => post(visit, target)));
  },
};

async function post({ deps }: Visit, target: Target): Promise<Judgement> {
  const { host, port } = target;
  const answer = await deps.probe.request({ host, port, path: "/pks/add", method: "POST" });
  const place = placeName(target);
  const todo =
    "Let the name and port lead to Sealpost's keyserver, which refuses it, and to nothing else.";
  if (answer.kind === "failed") {
    return warn(`${place} does not answer a POST: ${answer.reason}`, todo);
  }
  const { status } = answer;
  if (status === METHOD_NOT_ALLOWED || status === NOT_IMPLEMENTED) {
    return ok(`${place} refuses POST (${status})`);
  }
  return status >= FIRST_REFUSAL && status < FIRST_SERVER_ERROR
    ? warn(`${place} answers POST with ${status} instead of 405`, todo)
    : fail(`${place} does not refuse POST: status ${status}`, todo);
}
