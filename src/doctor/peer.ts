import { randomBytes } from "node:crypto";

import { SECOND } from "../base/time.ts";
import { askForAddress } from "../discovery/by-hkp.ts";
import type { Inspected } from "../dns/answer.ts";
import type { SrvRecord } from "../dns/dns.ts";
import { explainExtendedErrors } from "../dns/extended-error.ts";
import { type HkpClass, classifyHkp } from "../dns/service-class.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import { type Finding, type Judgement, fail, failNow, ok, warn } from "./finding.ts";
import { resolverCheck } from "./resolver-check.ts";
import { noAnswer } from "./srv-record.ts";
import { judge as judgeTarget } from "./srv-target.ts";
import { judgeTls } from "./tls.ts";
import {
  type DoctorDeps,
  type Target,
  announcedAt,
  lookAtTarget,
  placeName,
  runChecks,
} from "./visit.ts";

/** What mail to a domain comes to: a code as `recipient check` has them, for the domain as a whole. */
export type PeerCode = "OK" | "NOSVC" | "INSEC" | "UNSURE-DNS" | "UNSURE-KS";

export type PeerReport = { readonly code: PeerCode; readonly findings: readonly Finding[] };

export type PeerDeps = Pick<
  DoctorDeps,
  "clock" | "resolver" | "testResolver" | "inspector" | "get" | "probe"
>;

const LOOK_UP_MS = 15 * SECOND;
const MAX_TARGETS = 4;
const NAME_BYTES = 12;
/** Trouble of a server or of the way to it, which may pass. */
const PASSING =
  /HTTP status (?:429|5\d\d)$|too slow|too many|E(?:CONN|TIMEDOUT|HOSTUN|NETUN|PIPE)|closed/;

const WHY = {
  dns: "Only a record that DNSSEC proves says where a domain's keyserver is; anything else could be an attacker's.",
  target: "The keyserver is asked at the addresses of the host that the record names.",
  tls: "A key is taken only over TLS, from a server whose certificate names that host.",
  http: "A keyserver must say plainly that it has no key (404): other answers never mean that mail may go in clear.",
  conclusion: "This is what sending to the domain comes to.",
} as const;

/** Says why mail to a domain can be sealed, or not: its DNS, each of its keyservers, and what follows. Never rejects. */
export async function examinePeer(deps: PeerDeps, domain: Domain): Promise<PeerReport> {
  const [srv, resolver] = await Promise.all([
    deps.inspector.srv(announcedAt(domain)),
    runChecks<Pick<DoctorDeps, "resolver" | "testResolver">>([resolverCheck], deps),
  ]);
  const { class: hkpClass } = classifyHkp(srv.answer);
  const dns = finding("dns", judgeDns(srv, hkpClass, domain));
  const servers = hkpClass === "SECURE_SRV" ? await lookAtServers(deps, srv, domain) : [];
  const code = concluded(hkpClass, servers);
  const before = [...resolver, dns, ...servers];
  const conclusion = finding("conclusion", conclude(code, domain, before));
  return { code, findings: [...before, conclusion].map((one) => theirs(one, domain)) };
}

type PeerCheck = keyof typeof WHY;

function finding(check: PeerCheck, judgement: Judgement): Finding {
  return { ...judgement, check, why: WHY[check] };
}

/** What to do stands in the words of whoever runs that domain: it is not for us to do. */
function theirs(one: Finding, domain: Domain): Finding {
  const isTheirs = ["dns", "target", "tls", "http"].includes(one.check) && one.todo !== "";
  return isTheirs ? { ...one, todo: `For postmaster@${domain}: ${one.todo}` } : one;
}

function judgeDns(srv: Inspected<SrvRecord>, hkpClass: HkpClass, domain: Domain): Judgement {
  const name = announcedAt(domain);
  const words = explainExtendedErrors(srv.answer.ede);
  const more = words === "" ? "" : ` (the resolver adds: ${words})`;
  switch (hkpClass) {
    case "SECURE_SRV":
      return ok(`${name} is signed and proven${more}`);
    case "INDETERMINATE":
      return noAnswer(name, srv.answer);
    case "NO_SERVICE":
      return warn(`it is proven that ${domain} has no keyserver${more}`, PUBLISH);
    case "NO_SERVICE_INSECURE":
      return warn(`${name} has no SRV record, and the zone is not signed${more}`, PUBLISH);
    case "INSECURE_SRV":
      return fail(
        srv.aliases.length === 0
          ? `${name} is there, but its zone is not signed (DNSSEC), so it could be anybody's${more}`
          : `${name} leads through ${srv.aliases.join(" and ")} into a zone that is not signed${more}`,
        "sign the zone and put its DS record into the parent zone.",
      );
  }
}

const PUBLISH = "run a keyserver and announce it by a signed SRV record _hkp._tcp.";

async function lookAtServers(
  deps: PeerDeps,
  { answer }: Inspected<SrvRecord>,
  domain: Domain,
): Promise<readonly Finding[]> {
  const records = answer.kind === "answer" ? answer.records : [];
  const named = records.filter(({ target }) => target !== ".").slice(0, MAX_TARGETS);
  // Nobody has this address, so a good keyserver has no key of it.
  const nobody = { local: `nobody-${randomBytes(NAME_BYTES).toString("hex")}`, domain };
  const found = await Promise.all(
    named.map(async (record) => {
      const target = await lookAtTarget(deps, record);
      return [
        finding("target", judgeTarget(target)),
        ...judgeTls(target, domain, deps.clock.now()).map((one) => finding("tls", passing(one))),
        finding("http", await askForNobody(deps, target, nobody)),
      ];
    }),
  );
  return found.flat();
}

async function askForNobody(
  deps: PeerDeps,
  target: Target,
  address: EmailAddress,
): Promise<Judgement> {
  const place = placeName(target);
  const answer = await askForAddress(deps.get, {
    target: { target: target.host, port: target.port, priority: 0, weight: 0 },
    address,
    isForIncoming: false,
    signal: AbortSignal.timeout(LOOK_UP_MS),
    now: deps.clock.now(),
  });
  switch (answer.kind) {
    case "no-key":
      return ok(`${place} says 404 for an address that cannot exist`);
    case "failed":
      return passing(
        fail(
          `${place} gives no answer that can be relied on: ${answer.reason}`,
          "let the keyserver answer GET /pks/lookup with a key, or with 404 when there is none.",
        ),
      );
    case "key":
    case "unusable":
      return warn(
        `${place} gives a key for an address that cannot exist`,
        "let the keyserver answer 404 for addresses that it does not know.",
      );
  }
}

/** A failure as one that may pass, where its words say so. */
function passing(judgement: Judgement): Judgement {
  return judgement.result === "fail" && PASSING.test(judgement.title)
    ? failNow(judgement.title, judgement.todo)
    : judgement;
}

function concluded(hkpClass: HkpClass, servers: readonly Finding[]): PeerCode {
  switch (hkpClass) {
    case "SECURE_SRV":
      return servers.some(({ check, result }) => check === "http" && result !== "fail")
        ? "OK"
        : "UNSURE-KS";
    case "NO_SERVICE":
    case "NO_SERVICE_INSECURE":
      return "NOSVC";
    case "INSECURE_SRV":
      return "INSEC";
    case "INDETERMINATE":
      return "UNSURE-DNS";
  }
}

/** The state in the words that users see, and what follows. */
function conclude(code: PeerCode, domain: Domain, before: readonly Finding[]): Judgement {
  switch (code) {
    case "OK":
      return ok(
        `OK: mail to addresses of ${domain} that have a key is sealed; for the others it is NOKEY`,
      );
    case "NOSVC":
      return fail(`NOSVC: ${domain} does not offer encryption`, UNSEALED);
    case "INSEC":
      return fail(
        `INSEC: ${domain} offers encryption but its DNS is not protected; it cannot be used`,
        UNSEALED,
      );
    case "UNSURE-DNS":
    case "UNSURE-KS": {
      const title =
        code === "UNSURE-DNS"
          ? `UNSURE-DNS: could not find out safely whether ${domain} offers encryption`
          : `UNSURE-KS: the keyserver of ${domain} cannot be reached safely`;
      const failures = before.filter(({ result }) => result === "fail");
      const mayPass = failures.every(({ isTemporary }) => isTemporary === true);
      return mayPass ? failNow(title, UNSURE) : fail(title, UNSURE);
    }
  }
}

const UNSEALED =
  "Nothing here. Mail to it goes by the policy of its sender (docs/use/states.md): in clear, or not at all under require.";
const UNSURE =
  "Nothing here, unless the resolver is at fault. Nothing is sent in clear because of this; ask again with: sealpost recipient check ADDRESS";
