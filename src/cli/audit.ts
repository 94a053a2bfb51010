import { listAudit, verifyAudit } from "../journal/audit.ts";
import { parseAddress } from "../mail/address.ts";
import { answer, type Call, type Command, type ExitCode, table, UsageError } from "./command.ts";
import { openFor } from "./open.ts";

/** `audit list` and `audit verify`. */
export const auditCommands: readonly Command[] = [
  {
    name: "audit list",
    operands: ["[ADDRESS]"],
    summary: "what was done to keys and accounts, of one account or of all, the oldest first",
    options: {},
    run: list,
  },
  {
    name: "audit verify",
    operands: [],
    summary: "check that no entry was changed or is missing; keep what it prints elsewhere",
    options: {},
    run: verify,
  },
];

async function list(call: Call): Promise<ExitCode> {
  const [text] = call.operands;
  const address = text === undefined ? undefined : parseAddress(text);
  if (text !== undefined && address === undefined) {
    throw new UsageError(`${JSON.stringify(text)} is not an email address`);
  }
  await using parts = await openFor(call);
  const entries = (await Array.fromAsync(listAudit(parts.store, address))).map((one) => ({
    ...one,
    at: one.at.toISOString(),
    account: one.account ?? null,
  }));
  const rows = entries.map(({ at, action, account, detail }) => [
    at,
    action,
    account ?? "-",
    Object.entries(detail)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(" "),
  ]);
  return answer(call, entries, table(rows));
}

async function verify(call: Call): Promise<ExitCode> {
  await using parts = await openFor(call);
  const check = await verifyAudit(parts.store);
  const isIntact = check.kind === "intact";
  answer(call, check, [
    isIntact
      ? `intact: ${check.rows} entries, the last has hash ${check.head}`
      : `BROKEN at entry ${check.seq}: it, or one before it, is not what was written`,
  ]);
  return isIntact ? 0 : 1;
}
