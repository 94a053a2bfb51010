import { directoryHost, directoryLine, recordText } from "../dns/zone-lines.ts";
import { formatAddress } from "../mail/address.ts";
import { wkdHash } from "../mail/wkd-hash.ts";
import { type Judgement, fail, failNow, ok, skip, warn } from "./finding.ts";
import type { Check, Visit } from "./visit.ts";

const HTTPS = 443;
const OK = 200;

/** Whether the Web Key Directory answers, when its host is in the DNS (draft-koch-openpgp-webkey-service §3.1). */
export const webKeyDirectory: Check<Visit> = {
  name: "wkd",
  why: "GnuPG, Thunderbird and others find keys by a Web Key Directory. Once the host openpgpkey.DOMAIN exists they ask nothing else, so it must answer.",
  run: async (visit) => {
    const { deps, domain } = visit;
    const host = directoryHost(domain);
    const line = directoryLine(domain, deps.keyserver);
    const { answer } = await deps.inspector.addresses(host);
    if (answer.kind === "indeterminate") {
      return [failNow(`the DNS gives no answer for ${host}: ${answer.reason}`, "Try again later.")];
    }
    if (answer.kind === "empty") {
      const todo = line === undefined ? "" : `To have one, add: ${recordText(line)}`;
      return [skip("the Web Key Directory", `optional: ${host} is not in the DNS`, todo)];
    }
    return await judge(visit, host);
  },
};

/** Asked where the keyserver listens: clients ask port 443 and no other. */
async function judge(visit: Visit, host: string): Promise<readonly Judgement[]> {
  const { deps, domain } = visit;
  const { port } = deps.keyserver;
  const path = `/.well-known/openpgpkey/${domain}/policy`;
  const policy = await deps.get({ host, port, path, accept: "*/*" });
  const todo = `Let ${host} lead to the keyserver, with a TLS certificate that names it; or take the host out of the DNS, so that clients ask ${domain} itself.`;
  if (policy.kind === "failed") {
    return [fail(`${host}:${port} does not answer: ${policy.reason}`, todo)];
  }
  if (policy.status !== OK) {
    return [fail(`${host}:${port} has no policy file: status ${policy.status}`, todo)];
  }
  const wrong = await wrongCertificate(visit, host);
  if (wrong !== undefined) return [wrong];
  return [
    port === HTTPS
      ? ok(`the Web Key Directory at ${host} answers`)
      : warn(
          `the Web Key Directory at ${host} answers at port ${port}, but clients ask port 443 only`,
          `Pass port 443 of ${host} on to port ${port}, or let the keyserver listen at 443.`,
        ),
  ];
}

/** What is wrong with the directory's answer for the sample; undefined when nothing is. */
async function wrongCertificate(visit: Visit, host: string): Promise<Judgement | undefined> {
  const { deps, domain, sample } = visit;
  if (sample === undefined) return undefined;
  const { port } = deps.keyserver;
  const { local } = sample.address;
  const name = `${wkdHash(local)}?l=${encodeURIComponent(local)}`;
  const path = `/.well-known/openpgpkey/${domain}/hu/${name}`;
  const answer = await deps.get({ host, port, path, accept: "*/*" });
  const address = formatAddress(sample.address);
  const todo =
    "See that the keyserver there uses this database, and that no copy stands before it.";
  if (answer.kind === "failed" || answer.status !== OK) {
    const why = answer.kind === "failed" ? answer.reason : `status ${answer.status}`;
    return fail(`the Web Key Directory at ${host} has no key of ${address}: ${why}`, todo);
  }
  const accepted = await deps.accept(answer.body, sample.address, deps.clock.now());
  const isCurrent = accepted.kind === "acceptable" && accepted.fingerprint === sample.fingerprint;
  return isCurrent
    ? undefined
    : fail(`the Web Key Directory at ${host} does not give the current key of ${address}`, todo);
}
