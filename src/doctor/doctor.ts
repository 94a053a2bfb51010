/**
 * The doctor: what is wrong with an installation, why it matters and what to do about it.
 *
 * Each check is a file: it looks at the live DNS, network or database and returns judgements (`finding.ts`). A judgement that
 * is not "good" always names its reason and a remedy. `visit.ts` asks once what the checks of one domain share. `peer.ts` says
 * of somebody else's domain why mail to it can be sealed or not. Nothing here changes anything.
 */
import type { Domain } from "../mail/address.ts";
import { bodiesCheck } from "./bodies-check.ts";
import { clockCheck } from "./clock-check.ts";
import { clockSeenCheck } from "./clock-seen.ts";
import { courtesyNames } from "./courtesy-names.ts";
import { databaseCheck } from "./database-check.ts";
import { exactSearch } from "./exact-search.ts";
import type { Finding } from "./finding.ts";
import { formerPairs } from "./former-pairs.ts";
import { listeningCheck } from "./listening.ts";
import { logins } from "./logins.ts";
import { mxRecord } from "./mx-record.ts";
import { nextHopCheck } from "./next-hop.ts";
import { openpgpkeyRecord } from "./openpgpkey-record.ts";
import { outboxCheck } from "./outbox.ts";
import { pendingMail } from "./pending-mail.ts";
import { postmasterCheck } from "./postmaster.ts";
import { readOnly } from "./read-only.ts";
import { releasedRevocations } from "./released-revocations.ts";
import { resolverCheck } from "./resolver-check.ts";
import { secretKeys } from "./secret-keys.ts";
import { selfLookUp } from "./self-look-up.ts";
import { serviceKeyCheck } from "./service-key-check.ts";
import { signatures } from "./signatures.ts";
import { srvRecord } from "./srv-record.ts";
import { srvTarget } from "./srv-target.ts";
import { storedKeys } from "./stored-keys.ts";
import { tls } from "./tls.ts";
import { tlsaRecord } from "./tlsa-record.ts";
import { type Check, type DoctorDeps, type Visit, runChecks, visit } from "./visit.ts";
import { webKeyDirectory } from "./web-key-directory.ts";

export type { Finding } from "./finding.ts";
export type { DoctorDeps } from "./visit.ts";

/** Of this host, whatever the domain. */
const HOST_CHECKS: readonly Check<DoctorDeps>[] = [
  resolverCheck,
  databaseCheck,
  bodiesCheck,
  serviceKeyCheck,
  secretKeys,
  logins,
  pendingMail,
  formerPairs,
  postmasterCheck,
  outboxCheck,
  nextHopCheck,
  listeningCheck,
  clockSeenCheck,
  releasedRevocations,
];

/** Of one domain that is served here, in the order in which a look-up comes by. */
const DOMAIN_CHECKS: readonly Check<Visit>[] = [
  srvRecord,
  srvTarget,
  signatures,
  tls,
  tlsaRecord,
  clockCheck,
  mxRecord,
  selfLookUp,
  readOnly,
  exactSearch,
  webKeyDirectory,
  openpgpkeyRecord,
  courtesyNames,
  storedKeys,
];

/** Looks at this host. Never rejects. */
export async function examineHost(deps: DoctorDeps): Promise<readonly Finding[]> {
  return await runChecks(HOST_CHECKS, deps);
}

/** Looks at a domain that is served here. Never rejects. */
export async function examineDomain(deps: DoctorDeps, domain: Domain): Promise<readonly Finding[]> {
  return await runChecks(DOMAIN_CHECKS, await visit(deps, domain));
}

/** What all findings together come to: `passing` is trouble that may end by itself. */
export function outcome(findings: readonly Finding[]): "fine" | "failed" | "passing" {
  const failures = findings.filter(({ result }) => result === "fail");
  if (failures.length === 0) return "fine";
  return failures.every(({ isTemporary }) => isTemporary === true) ? "passing" : "failed";
}
