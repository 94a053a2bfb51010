/** Commands about messages that wait because it is not certain whether their recipients can be encrypted for. */
import { tellingIn } from "../app/deferral.ts";
import { openReading } from "../app/open-reading.ts";
import { findTrace } from "../journal/trace.ts";
import { formatAddress } from "../mail/address.ts";
import {
  cancel,
  findWaiting,
  listWaiting,
  retryNow,
  type DeferredMessage,
} from "../outgoing/deferral/waiting.ts";
import { partKey, queueKey } from "../outgoing/queue-key.ts";
import { answerList } from "./answer-list.ts";
import { answer, type Call, type Command, type ExitCode, printable } from "./command.ts";
import { openFor, openToRead } from "./open.ts";
import { readingsOf } from "./pasted.ts";
import { refused } from "./refusals.ts";

/** `deferred list`, `deferred show`, `deferred retry` and `deferred cancel`. */
export const deferredCommands: readonly Command[] = [
  {
    name: "deferred list",
    operands: [],
    summary: "messages that wait until their recipients are certain, the oldest first",
    options: {},
    run: list,
  },
  {
    name: "deferred show",
    operands: ["ID"],
    summary:
      "why a message waits, for whom, and when it is tried next. ID: its own or its beginning, its Message-ID, or the name in the SMTP reply",
    options: {},
    run: show,
  },
  {
    name: "deferred retry",
    operands: ["ID"],
    summary: "look up the recipients of a message now, within a minute",
    options: {},
    run: retry,
  },
  {
    name: "deferred cancel",
    operands: ["ID"],
    summary: "stop a message: it is not sent, and its sender gets a bounce",
    options: {},
    run: stop,
  },
];

async function list(call: Call): Promise<ExitCode> {
  await using vault = await openToRead(call);
  return answerList(call, listWaiting(vault.store), {
    view: async (message) => Promise.resolve(viewOf(message)),
    cells: ({ id, acceptedAt, nextTryAt, reason, sender, because }) => [
      id,
      acceptedAt,
      nextTryAt,
      reason,
      printable(`${sender} -> ${because}`),
    ],
  });
}

async function show(call: Call): Promise<ExitCode> {
  await using vault = await openToRead(call);
  const view = viewOf(await messageGiven(call, vault));
  const told = view.noticedAt === null ? "not yet" : view.noticedAt;
  return answer(call, view, [
    `from          ${printable(view.sender)}`,
    `message       ${printable(view.messageId)}`,
    ...view.recipients.map((recipient) => `to            ${printable(recipient)}`),
    `waits for     ${printable(view.because)} (${view.reason})`,
    `accepted      ${view.acceptedAt}`,
    `tried         ${view.attempts} times; next ${view.nextTryAt}`,
    `sender told   ${told}`,
    `each decision with its evidence: sealpost trace ${quoted(printable(view.messageId))}`,
  ]);
}

async function retry(call: Call): Promise<ExitCode> {
  await using vault = await openFor(call);
  const message = await messageGiven(call, vault);
  const { kind } = await retryNow(vault, message);
  if (kind === "not-deferred") throw refused({ kind, name: message.id });
  const said = kind === "due" ? "is tried within a minute" : "is being tried";
  return answer(call, { id: message.id, kind }, [`${message.id} ${said}`]);
}

async function stop(call: Call): Promise<ExitCode> {
  await using vault = await openFor(call);
  const message = await messageGiven(call, vault);
  const { store, clock, config, serviceKeys } = vault;
  await using reading = await openReading(vault);
  const { hostname, notices } = config;
  const telling = tellingIn({ store, clock, notices, mailboxOf: reading.deps.mailboxOf });
  const keeping = {
    store,
    clock,
    hostname,
    language: () => notices.language,
    parts: partKey(serviceKeys),
    ...telling,
    ...queueKey(serviceKeys),
  };
  const { kind } = await cancel(keeping, message, "operator");
  if (kind === "not-deferred") throw refused({ kind, name: message.id });
  const { id } = message;
  const sender = formatAddress(message.sender);
  return answer(call, { id, kind, sender }, [
    `${id} is not sent; ${printable(sender)} gets a bounce`,
  ]);
}

/** @throws AppError when nothing waits under this name, or several messages do. */
async function messageGiven(
  call: Call,
  { store }: Pick<Awaited<ReturnType<typeof openFor>>, "store">,
): Promise<DeferredMessage> {
  const [given = ""] = call.operands;
  const [found, ...more] = await waitingNamed(store, readingsOf(given));
  if (found === undefined) throw refused({ kind: "not-deferred", name: given });
  if (more.length > 0) throw refused({ kind: "several-deferred", name: given });
  return found;
}

/** By its ID or its beginning, by its Message-ID, or by the name that the SMTP reply gave, which the trace knows. */
async function waitingNamed(
  store: Parameters<typeof findWaiting>[0],
  names: readonly string[],
): Promise<readonly DeferredMessage[]> {
  const named = await findWaiting(store, names);
  if (named.length > 0) return named;
  const [traced] = await findTrace(store, names);
  const messageId = traced?.messageId ?? "";
  const byReply = messageId === "" ? [] : await findWaiting(store, [messageId]);
  if (byReply.length > 0) return byReply;
  const begun = names.filter(({ length }) => length >= MIN_BEGINNING);
  const found: DeferredMessage[] = [];
  for await (const message of listWaiting(store)) {
    if (begun.some((name) => message.id.startsWith(name))) found.push(message);
  }
  return found;
}

/** Fewer letters of an ID may be a slip. */
const MIN_BEGINNING = 4;

/** For a shell: the brackets of a Message-ID would redirect. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function viewOf(message: DeferredMessage) {
  const { id, messageId, reason, attempts } = message;
  return {
    id,
    sender: formatAddress(message.sender),
    messageId,
    recipients: message.recipients.map(formatAddress),
    because: formatAddress(message.because),
    reason,
    attempts,
    acceptedAt: message.createdAt.toISOString(),
    nextTryAt: message.dueAt.toISOString(),
    noticedAt: message.noticedAt?.toISOString() ?? null,
  };
}
