/** `account notices`: which mail of a user left in clear, for whom, and why. */
import { listNoticesFor } from "../incoming/noticing.ts";
import { text } from "../locales/locales.ts";
import type { Notice } from "../mailbox/sent-notices.ts";
import { answer, type Call, type Command, type ExitCode, printable, table } from "./command.ts";
import { asReader, PASSWORD } from "./mail-reader.ts";
import { limitGiven, nextOf, PAGE, pageEnd, placeGiven } from "./paging.ts";
import { refused } from "./refusals.ts";

export const accountNoticesCommand: Command = {
  name: "account notices",
  operands: ["ADDRESS"],
  summary: "mail of a user that left in clear, the newest first: for whom, and why",
  options: { ...PASSWORD, ...PAGE },
  run: notices,
};

async function notices(call: Call): Promise<ExitCode> {
  const asked = { place: placeGiven(call), limit: limitGiven(call) };
  return asReader(call, async (deps, reader, { config }) => {
    const list = await listNoticesFor(deps, reader, asked);
    if (list.kind === "mailbox-closed") throw refused(list, reader.account.address);
    const next = nextOf(list.next);
    const { sentCopies } = config.submission;
    const view = { notices: list.notices.map(viewOf), next, sentCopies };
    answer(call, view, table(list.notices.map(rowOf)));
    if (!sentCopies && !call.isJson) call.terminal.complain(text("notices.no-copies"));
    return pageEnd(call, next);
  });
}

/** A notice as `--json` has it; what the keys do not open is null. */
function viewOf({ id, at, said }: Notice) {
  return {
    id,
    at: at.toISOString(),
    subject: said?.subject ?? null,
    because: said?.because ?? null,
    recipients: said?.recipients.map(({ address, code, isBlind }) => ({ address, code, isBlind })),
  };
}

/** What the keys do not open shows as a message does in lists. */
const HIDDEN = "[...]";

function rowOf({ id, at, said }: Notice): readonly string[] {
  const recipients = said?.recipients.map(({ address, code, isBlind }) => {
    const facts = [address, code, isBlind ? text("notices.blind") : ""];
    return printable(facts.filter((fact) => fact !== "").join(" "));
  });
  return [
    id,
    at.toISOString(),
    said?.because.join(" ") ?? HIDDEN,
    said === undefined ? HIDDEN : printable(said.subject),
    recipients?.join(", ") ?? HIDDEN,
  ];
}
