import { listAuditNamed } from "../journal/audit-list.ts";
import { verifyAudit, type AuditCheck, type KeptHead } from "../journal/verify-audit.ts";
import {
  missingKeysText,
  missingServiceKeys,
  PUT_KEY_BACK,
} from "../vault/missing-service-keys.ts";
import { addressIn } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, table, UsageError } from "./command.ts";
import { keyOwner } from "./key.ts";
import { openToRead } from "./open.ts";
import { readingsOf } from "./pasted.ts";

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
    options: {
      kept: {
        value: "N:HASH",
        help: "what it printed earlier: does this log go on from there?",
      },
    },
    run: verify,
  },
];

async function list(call: Call): Promise<ExitCode> {
  const [text] = call.operands;
  const address = text === undefined ? undefined : addressIn(text);
  await using vault = await openToRead(call);
  const account = address && (await keyOwner(vault, address)).account.id;
  const entries = [];
  for await (const one of listAuditNamed(vault.store, account)) {
    const { account: id = null, address: name = null } = one;
    entries.push({ ...one, at: one.at.toISOString(), account: id, address: name });
  }
  const rows = entries.map(({ at, action, account: id, address: name, detail }) => [
    at,
    action,
    name ?? id ?? "-",
    Object.entries(detail)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(" "),
  ]);
  return answer(call, entries, table(rows));
}

async function verify(call: Call): Promise<ExitCode> {
  const kept = keptGiven(call);
  await using vault = await openToRead(call);
  const check = await verifyAudit(vault.store, kept);
  const absent = { rows: null, head: null, seq: null };
  const missing =
    check.kind === "forged" ? await missingServiceKeys(vault.store, vault.serviceKeys) : [];
  answer(call, { ...absent, ...check, missingServiceKeys: missing }, [
    ...(missing.length === 0
      ? []
      : [`NOT CHECKED: ${missingKeysText(missing)}, so its entries look forged; ${PUT_KEY_BACK}`]),
    ...textOf(check),
  ]);
  return check.kind === "intact" ? 0 : 1;
}

function textOf(check: AuditCheck): readonly string[] {
  switch (check.kind) {
    case "intact":
      return [
        `intact: ${check.rows} entries, the head over them has hash ${check.head}`,
        `keep this elsewhere, and check with it later: sealpost audit verify --kept ${check.rows}:${check.head}`,
      ];
    case "broken":
      return [`BROKEN at entry ${check.seq}: it, or one before it, is not what was written`];
    case "forged":
      return [`FORGED: entry ${check.seq} was not written by a process that holds the service key`];
    case "rewritten":
      return [
        `WRITTEN ANEW: a head over ${check.seq} entries is not there, or not the one that was kept; the log itself has no fault`,
      ];
  }
}

function keptGiven(call: Call): KeptHead | undefined {
  const given = call.option("kept");
  if (given === undefined) return undefined;
  const read = readingsOf(given).map((text) => /^(\d{1,15}):([0-9a-f]*)$/i.exec(text));
  const [, rows, head] = read.find((match) => match !== null) ?? [];
  // An empty log has no hash: `0:` is what is printed of it.
  const isWhole = head?.length === (Number(rows) === 0 ? 0 : HASH_DIGITS);
  if (rows === undefined || head === undefined || !isWhole) {
    throw new UsageError(`--kept ${JSON.stringify(given)} is not N:HASH${faultOf(head)}; ${FORM}`);
  }
  return { rows: Number(rows), head: head.toLowerCase() };
}

/** SHA-256 in hexadecimal. */
const HASH_DIGITS = 64;
const FORM = `the form is how many entries there were, a colon and a hash of ${HASH_DIGITS} hexadecimal digits: "sealpost audit verify" prints it in its last line, and the log line "audit.head" has it as rows and hash`;

function faultOf(head: string | undefined): string {
  return head === undefined ? "" : `: its hash has ${head.length} digits`;
}
