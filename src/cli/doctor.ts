import { openDoctor, openNetwork } from "../app/doctor.ts";
import { loadConfig } from "../config/config.ts";
import { examineDomain, examineHost, type Finding, outcome } from "../doctor/doctor.ts";
import { examinePeer } from "../doctor/peer.ts";
import { type Domain, parseDomain } from "../mail/address.ts";
import {
  answer,
  type Call,
  type Command,
  type ExitCode,
  printable,
  table,
  UsageError,
} from "./command.ts";
import { domainsAsked } from "./dns.ts";

/** `doctor peer DOMAIN` and `doctor [DOMAIN]`; the longer name first, because the first that fits is taken. */
export const doctorCommands: readonly Command[] = [
  {
    name: "doctor peer",
    operands: ["DOMAIN"],
    summary: "why mail to somebody else's domain can be sealed, or not",
    options: {},
    run: peer,
  },
  {
    name: "doctor",
    operands: ["[DOMAIN]"],
    summary: "check this installation, and what the world sees of a domain (default: of all)",
    options: {},
    run: own,
  },
];

const EXIT_CODES: Readonly<Record<ReturnType<typeof outcome>, ExitCode>> = {
  fine: 0,
  failed: 1,
  passing: 75,
};

async function own(call: Call): Promise<ExitCode> {
  const config = await loadConfig(call.configFile);
  const domains = domainsAsked(call, config);
  await using deps = await openDoctor(config);
  const host = await examineHost(deps);
  const parts: Part[] = [{ title: "this host", domain: null, findings: host }];
  for (const domain of domains) {
    const findings = await examineDomain(deps, domain);
    parts.push({ title: domain, domain, findings });
  }
  return report(call, parts, { domain: domains.length === 1 ? (domains[0] ?? null) : null });
}

async function peer(call: Call): Promise<ExitCode> {
  const [given = ""] = call.operands;
  const domain = parseDomain(given);
  if (domain === undefined) throw new UsageError(`${given} is not a domain name`);
  using deps = await openNetwork(await loadConfig(call.configFile));
  const { code, findings } = await examinePeer(deps, domain);
  return report(call, [{ title: domain, domain, findings }], { domain, code });
}

/** The findings about one domain, or, with null, about this host. */
type Part = {
  readonly title: string;
  readonly domain: Domain | null;
  readonly findings: readonly Finding[];
};

function report(call: Call, parts: readonly Part[], head: object): ExitCode {
  const views = parts.flatMap(({ domain, findings }) =>
    findings.map(({ check, result, title, why, todo, reason, isTemporary }) => ({
      check,
      result,
      title,
      why,
      todo: todo === "" ? null : todo,
      reason: reason ?? null,
      isTemporary: isTemporary === true,
      domain,
    })),
  );
  const all = parts.flatMap(({ findings }) => findings);
  answer(call, { ...head, findings: views }, [
    ...parts.flatMap(({ title, findings }) => [title, ...textOf(findings), ""]),
    counted(all),
  ]);
  return EXIT_CODES[outcome(all)];
}

/** A line for each finding; below what is not well, why it matters and what to do. */
function textOf(findings: readonly Finding[]): readonly string[] {
  const rows = findings.map(({ result, check, title, reason }) => {
    const shown = result === "fail" ? "FAIL" : result;
    return [shown, check, printable(reason === undefined ? title : `${title}: ${reason}`)];
  });
  return table(rows).flatMap((row, at) => {
    const { result, why = "", todo = "" } = findings[at] ?? {};
    const isUnwell = result === "warn" || result === "fail";
    return [
      `  ${row}`,
      ...(isUnwell ? [`        why: ${why}`] : []),
      ...(todo === "" ? [] : [`        do:  ${printable(todo)}`]),
    ];
  });
}

function counted(findings: readonly Finding[]): string {
  const count = (result: Finding["result"]) =>
    findings.filter((one) => one.result === result).length;
  return `${count("ok")} ok, ${count("warn")} warned, ${count("fail")} failed, ${count("skip")} skipped`;
}
