/** `mail move`, `mail delete` and `mail restore`. */
import type { Reader } from "../incoming/audited-reading.ts";
import {
  moveMailFor,
  removeMailFor,
  restoreMailFor,
  type MailChange,
} from "../incoming/changing.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { text } from "../locales/locales.ts";
import type { MessageId } from "../mailbox/mailbox.ts";
import { answer, type Call, type Command, type ExitCode } from "./command.ts";
import { asReader, idOf, PASSWORD } from "./mail-reader.ts";
import { withoutDecoration } from "./pasted.ts";
import { refused } from "./refusals.ts";

export const mailChangeCommands: readonly Command[] = [
  {
    name: "mail move",
    operands: ["ADDRESS", "FOLDER", "ID..."],
    summary: "move messages into a folder",
    options: PASSWORD,
    run: move,
  },
  {
    name: "mail delete",
    operands: ["ADDRESS", "ID..."],
    summary: "take messages out of the mailbox; for an hour they can be restored",
    options: PASSWORD,
    run: remove,
  },
  {
    name: "mail restore",
    operands: ["ADDRESS", "ID..."],
    summary: "put deleted messages back, by their whole IDs",
    options: PASSWORD,
    run: restore,
  },
];

async function move(call: Call): Promise<ExitCode> {
  const [, folder = "", ...given] = call.operands;
  return asReader(call, async (deps, reader) => {
    const ids = await idsOf(deps, reader, given);
    return done(call, "moved", reader, await moveMailFor(deps, reader, ids, folder));
  });
}

async function remove(call: Call): Promise<ExitCode> {
  const [, ...given] = call.operands;
  return asReader(call, async (deps, reader) => {
    const ids = await idsOf(deps, reader, given);
    return done(call, "deleted", reader, await removeMailFor(deps, reader, ids));
  });
}

async function restore(call: Call): Promise<ExitCode> {
  const [, ...given] = call.operands;
  const ids = given.map((id) => withoutDecoration(id) as MessageId);
  return asReader(call, async (deps, reader) =>
    done(call, "restored", reader, await restoreMailFor(deps, reader, ids)),
  );
}

async function idsOf(
  deps: ReadingDeps,
  { account }: Reader,
  given: readonly string[],
): Promise<readonly MessageId[]> {
  const ids: MessageId[] = [];
  for (const one of given) ids.push(await idOf(deps, account, one));
  return [...new Set(ids)];
}

function done(
  call: Call,
  what: "moved" | "deleted" | "restored",
  { account }: Reader,
  change: MailChange,
): ExitCode {
  if (change.kind !== "done") throw refused(change, account.address);
  return answer(call, { [what]: change.ids }, [
    ...change.ids.map((id) => `${what} ${id}`),
    ...(change.ids.length === 0 ? [text(`mail.unchanged.${what}`)] : []),
  ]);
}
