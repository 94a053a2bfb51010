/** Commands about the domains that are served, and how far each of them and its users take part in encryption. */
import type { Vault } from "../app/open-vault.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, parseDomain, type Domain } from "../mail/address.ts";
import { changeMembership, changeRollout, readMembership, readRollout } from "../policy/rollout.ts";
import { OTHERS, partOf, ROLLOUTS, type Membership } from "../words/rollout.ts";
import { accountOf, addressGiven, requireOurs } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, table, UsageError } from "./command.ts";
import { openFor, openToRead } from "./open.ts";
import { progressOn } from "./progress.ts";
import { refused } from "./refusals.ts";

/** What a user may say, and what it is as data. */
const SAID: Readonly<Record<string, Membership | undefined>> = {
  join: "joined",
  leave: "left",
  inherit: undefined,
};

/** `domain list`, `domain show`, `domain policy`, `domain rollout` and `account rollout`. */
export const domainCommands: readonly Command[] = [
  {
    name: "domain list",
    operands: [],
    summary: "the domains that are served, with their rollout and policy",
    options: {},
    run: list,
  },
  {
    name: "domain show",
    operands: ["DOMAIN"],
    summary: "the rollout and the policy of a domain",
    options: {},
    run: show,
  },
  {
    name: "domain policy",
    operands: ["DOMAIN"],
    summary: "the policy of a domain, and where it is set",
    options: {},
    run: policy,
  },
  {
    name: "domain rollout",
    operands: ["DOMAIN", "[STATE]"],
    summary: `how far a domain takes part (${ROLLOUTS.join(", ")}), or show it; going back revokes no key`,
    options: {
      others: {
        value: OTHERS.join("|"),
        help: "with opt-in: what those get who did not join (default: receive-only)",
      },
    },
    run: rollout,
  },
  {
    name: "account rollout",
    operands: ["ADDRESS", "[join|leave|inherit]"],
    summary:
      "whether a user joined or left where their domain lets them, or show what they take part in",
    options: {},
    run: membership,
  },
];

async function list(call: Call): Promise<ExitCode> {
  await using vault = await openToRead(call);
  const views = await Promise.all(
    vault.config.domains.map(async (domain) => viewOf(vault, domain)),
  );
  return answer(
    call,
    views,
    table(views.map((one) => [one.domain, one.rollout, `policy ${one.policy}`])),
  );
}

async function show(call: Call): Promise<ExitCode> {
  await using vault = await openToRead(call);
  const view = await viewOf(vault, domainGiven(call, vault));
  return answer(call, view, [
    `rollout   ${view.rollout}${view.rollout === "opt-in" ? ` (others: ${view.others})` : ""}`,
    `policy    ${view.policy}${view.isEnforced ? " (enforced)" : ""}`,
  ]);
}

async function policy(call: Call): Promise<ExitCode> {
  await using vault = await openToRead(call);
  const view = await viewOf(vault, domainGiven(call, vault));
  const { domain, policy: inForce, isEnforced } = view;
  const { file } = vault.config;
  return answer(call, { domain, policy: inForce, isEnforced }, [
    inForce,
    text("domain.policy.where", { domain, file }),
  ]);
}

async function rollout(call: Call): Promise<ExitCode> {
  const [, stateText] = call.operands;
  const others = OTHERS.find((word) => word === (call.option("others") ?? OTHERS[0]));
  if (others === undefined) throw new UsageError(`--others is ${OTHERS.join(" or ")}`);
  const state = ROLLOUTS.find((word) => word === stateText);
  if (stateText !== undefined && state === undefined) {
    throw new UsageError(`a rollout is one of: ${ROLLOUTS.join(", ")}`);
  }
  await using vault = await openFor(call);
  const domain = domainGiven(call, vault);
  let certificates = 0;
  if (state !== undefined) {
    const progress = progressOn(call, (count: number) => text("domain.progress", { count }));
    const wish = { rollout: state, others };
    ({ certificates } = await changeRollout(vault, domain, wish, progress));
  }
  const view = await viewOf(vault, domain);
  return answer(call, { ...view, certificates }, [
    text("domain.rollout", { domain, rollout: view.rollout }),
    ...(certificates === 0 ? [] : [text("domain.certificates", { count: certificates })]),
  ]);
}

async function membership(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, said] = call.operands;
  if (said !== undefined && !Object.hasOwn(SAID, said)) {
    throw new UsageError(`say one of: ${Object.keys(SAID).join(", ")}`);
  }
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (said !== undefined) {
    const done = await changeMembership(vault, account.id, SAID[said]);
    if (done.kind === "no-account") throw refused({ kind: done.kind }, address);
  }
  const now = await readMembership(vault.store, account.id);
  const part = partOf(await readRollout(vault.store, account.address.domain), now);
  const shown = formatAddress(account.address);
  return answer(call, { address: shown, membership: now ?? null, part }, [
    text(`account.part.${part}`, { address: shown }),
  ]);
}

/** @throws UsageError when it is none of ours. */
function domainGiven(call: Call, vault: Pick<Vault, "config">): Domain {
  const [given = ""] = call.operands;
  const domain = parseDomain(given);
  if (domain === undefined) throw new UsageError(`${JSON.stringify(given)} is no domain`);
  requireOurs(vault, domain);
  return domain;
}

async function viewOf({ store, config }: Vault, domain: Domain) {
  const { rollout: state, others } = await readRollout(store, domain);
  const own = config.policy.domains[domain];
  return {
    domain,
    rollout: state,
    others,
    policy: own?.policy ?? config.policy.default,
    isEnforced: own?.enforced ?? false,
  };
}
