import { shownCustody, viewAccount } from "../accounts/account-view.ts";
import { walkAccounts } from "../accounts/accounts.ts";
import { openVault, type Vault } from "../app/open-vault.ts";
import { after } from "../base/time.ts";
import { loadConfig } from "../config/config.ts";
import { policyNames } from "../config/schema.ts";
import { GRACE_MS } from "../keys/end-account.ts";
import { text } from "../locales/locales.ts";
import { enrol } from "../login/enrol.ts";
import { formatAddress } from "../mail/address.ts";
import { changePolicy } from "../policy/change-policy.ts";
import type { Account, LastingCustody } from "../words/account.ts";
import { codeLines } from "./account-recover.ts";
import { addressGiven, accountOf, requireOurs } from "./address-given.ts";
import { answerList } from "./answer-list.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { openFor, openToRead } from "./open.ts";
import { refused } from "./refusals.ts";
import { passwordIfGiven } from "./secret-input.ts";

/** The words of `--custody` and what they stand for. */
const CUSTODY: Readonly<Record<string, LastingCustody>> = {
  user: "unlocks-at-login",
  provider: "provider-usable",
  device: "user-device-only",
};

/** In place of a policy of the user's own: none, so that the domain's or the installation's holds. */
const INHERIT = "inherit";

/** `account add`, `list`, `show`, `policy`. */
export const accountCommands: readonly Command[] = [
  {
    name: "account add",
    operands: ["ADDRESS"],
    summary: "add an account and make its key",
    options: {
      custody: {
        value: "user|provider|device",
        help: "user: the key opens with the password (default); provider: Sealpost can use it at any time; device: the user has his own key, nothing is sealed or opened here",
      },
      "password-stdin": { help: "read the password from stdin" },
      "no-password": {
        help: "nobody logs in until `account reset` sets a password; until then Sealpost can use the key",
      },
      later: { help: "make the key in the background or at the first login" },
      "no-recovery-code": { help: "make no recovery code" },
    },
    run: add,
  },
  {
    name: "account list",
    operands: ["[DOMAIN]"],
    summary: "all accounts, or those of a domain",
    options: {},
    run: list,
  },
  {
    name: "account show",
    operands: ["ADDRESS"],
    summary: "custody, policy, language and key of an account",
    options: {},
    run: show,
  },
  {
    name: "account policy",
    operands: ["ADDRESS", "[POLICY]"],
    summary: `set the user's own policy (${policyNames.join(", ")}; ${INHERIT} removes it), or show it`,
    options: {},
    run: policy,
  },
];

async function add(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const custody = CUSTODY[call.option("custody") ?? "user"];
  if (custody === undefined) {
    throw new UsageError("--custody is user, provider or device");
  }
  if (call.has("password-stdin") === call.has("no-password")) {
    throw new UsageError(
      "give the password on stdin and say so with --password-stdin, or say --no-password",
    );
  }
  const config = await loadConfig(call.configFile);
  requireOurs({ config }, address.domain);
  using password = await passwordIfGiven(call);
  await using vault = await openVault(config);
  const isRecoverable = custody === "unlocks-at-login" && password !== undefined;
  const enrolled = await enrol(vault, {
    ...vault.keyRules,
    address,
    custody,
    password,
    key: call.has("later") ? "later" : "now",
    withRecoveryCode: isRecoverable && config.keys.recoveryCode && !call.has("no-recovery-code"),
  });
  if (enrolled.kind !== "enrolled") throw refused(enrolled, address);
  const { account, certificate, recoveryCode } = enrolled;
  return added(call, account, certificate?.fingerprint ?? null, recoveryCode);
}

function added(
  call: Call,
  account: Account,
  fingerprint: string | null,
  recoveryCode: string | undefined,
): ExitCode {
  const named = formatAddress(account.address);
  const custody = shownCustody(account);
  return answer(
    call,
    { address: named, custody, fingerprint, recoveryCode: recoveryCode ?? null },
    [
      text("account.added", {
        address: named,
        custody: custodyText(custody, account.custody === "provisional"),
      }),
      fingerprint === null
        ? NO_KEY_YET[custody](named)
        : text("account.added.key", { fingerprint }),
      ...codeLines(recoveryCode),
    ],
  );
}

const MADE_LATER = (): string => text("account.added.later");

const NO_KEY_YET: Readonly<Record<LastingCustody, (address: string) => string>> = {
  "unlocks-at-login": MADE_LATER,
  "provider-usable": MADE_LATER,
  "user-device-only": (address) => text("account.added.device", { address }),
};

async function list(call: Call): Promise<ExitCode> {
  await using vault = await openToRead(call);
  return answerList(call, walkAccounts(vault.store, call.operands[0]), {
    view: async (account) => viewOf(vault, account),
    cells: (one) => [
      one.address,
      one.custody,
      one.policy ?? "-",
      one.fingerprint ?? (one.state === "closed" ? "closed" : "no key"),
    ],
  });
}

async function show(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  await using vault = await openToRead(call);
  const account = await accountOf(vault, address);
  const view = await viewOf(vault, account);
  return answer(call, view, [
    `${view.address}`,
    `state        ${stateText(account)}`,
    `custody      ${readableText(view)}`,
    `policy       ${text(view.policy === null ? "account.policy.inherited" : "account.policy.own", { policy: view.policyInForce })}`,
    `language     ${text(view.language === null ? "account.language.inherited" : "account.language.own", { language: view.languageInForce })}`,
    `key          ${view.fingerprint ?? "none"}`,
    `mailbox key  ${text(view.mailboxKey === "same" ? "account.mailbox-key.same" : "account.mailbox-key.separate")}`,
    `added        ${view.createdAt}`,
  ]);
}

function custodyText(custody: LastingCustody, isProvisional: boolean): string {
  return isProvisional ? text("account.custody.provisional", { custody }) : custody;
}

function readableText(view: AccountView): string {
  const custody = custodyText(view.custody, view.isProvisional);
  const time = view.providerUntil;
  return time === null ? custody : text("account.custody.readable-until", { custody, time });
}

function stateText({ closedAt }: Account): string {
  if (closedAt === undefined) return "open";
  const end = after(closedAt, GRACE_MS).toISOString();
  return text("account.closed-since", { since: closedAt.toISOString(), end });
}

async function policy(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, given] = call.operands;
  const wanted = policyNames.find((name) => name === given);
  if (given !== undefined && given !== INHERIT && wanted === undefined) {
    throw new UsageError(`a policy is one of: ${policyNames.join(", ")}, ${INHERIT}`);
  }
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (given !== undefined) {
    const wish = { account: account.id, policy: wanted, by: "operator" } as const;
    const done = await changePolicy(vault, wish);
    if (done.kind === "no-account") throw refused(done, address);
  }
  const view = await viewOf(vault, await accountOf(vault, address));
  return answer(call, view, [
    text("account.policy", {
      address: view.address,
      own: view.policy ?? "none",
      policy: view.policyInForce,
    }),
  ]);
}

type AccountView = {
  readonly address: string;
  readonly custody: LastingCustody;
  readonly isProvisional: boolean;
  readonly policy: string | null;
  readonly policyInForce: string;
  readonly language: string | null;
  readonly languageInForce: string;
  readonly fingerprint: string | null;
  readonly createdAt: string;
  readonly state: "open" | "closed";
  readonly closedAt: string | null;
  readonly mailboxKey: string;
  readonly providerUntil: string | null;
};

/** An account as it is shown, with what holds for it. */
export async function viewOf({ store, config }: Vault, account: Account): Promise<AccountView> {
  const view = await viewAccount(
    { store, policies: config.policy, language: config.notices.language },
    account,
  );
  return {
    address: formatAddress(view.address),
    custody: view.custody,
    isProvisional: view.isProvisional,
    policy: view.policy ?? null,
    policyInForce: view.policyInForce,
    language: view.language ?? null,
    languageInForce: view.languageInForce,
    fingerprint: view.fingerprint ?? null,
    createdAt: view.createdAt.toISOString(),
    state: view.closedAt === undefined ? "open" : "closed",
    closedAt: view.closedAt?.toISOString() ?? null,
    mailboxKey: view.mailboxKey,
    providerUntil: view.providerUntil?.toISOString() ?? null,
  };
}
