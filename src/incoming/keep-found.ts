/** What becomes of a message that was opened and judged: its place in the mailbox, or a longer wait for its author. */
/** Of a message whose text is not known. */
export const NO_OUTLINE: Outline = { snippet: "", attachments: [] };

/** What was found in a message, and its octets as they are stored. */
type Found = { readonly summary: Summary; readonly body: Octets };

/** Keeps what was found: a message whose verdict is final goes to the mailbox, another one goes on waiting. */
export async function keepFound(
  deps: PendingDeps,
  { account, keys }: { readonly account: AccountId; readonly keys: UnlockedKeys },
  message: StoredMessage,
  { summary, body }: Found,
): Promise<MessageVerdict> {
  const { served } = message.verdict;
  const found = summary.verdict;
  const verdict = isFinal(found) ? found : { ...found, served };
  const whole = { ...summary, verdict };
  const address = await primaryAddress(deps.store, account);
  const owner = { id: account, address };
  const mail = await prepared(deps, { owner, keys }, message, { summary: whole, body });
  const wrapped = mail === undefined ? await wrapSummary(deps, keys, whole) : undefined;
  await deps.store.transaction(async (tx) => {
    if (mail === undefined) {
      const { messageId } = summary;
      await recordVerdict(tx, account, message.id, verdict, { summary: wrapped, messageId });
    } else if (await takeFromWaiting(tx, account, message.id)) {
      await deps.mailboxOf(tx, owner, keys).append(mail);
    }
    await deps.trace.opened({ store: tx, reader: address, message, verdict });
  });
  return verdict;
}

/** For the mailbox, where the verdict is final. */
async function prepared(
  deps: PendingDeps,
  { owner, keys }: { readonly owner: MailboxOwner; readonly keys: UnlockedKeys },
  message: StoredMessage,
  { summary, body }: Found,
): Promise<PreparedMail | undefined> {
  if (!isFinal(summary.verdict)) return undefined;
  return deps.mailboxOf(deps.store, owner, keys).prepare({
    folder: standardFolder("inbox"),
    content: { kind: "stored", form: message.form === "sealed" ? "sealed" : "clear", octets: body },
    summary,
    receivedAt: message.receivedAt,
    sizeBytes: message.sizeBytes,
    once: onceOf(message),
  });
}

async function wrapSummary(
  deps: PendingDeps,
  keys: UnlockedKeys,
  summary: Summary,
): Promise<Uint8Array> {
  const own = keys.mailbox === undefined ? keys.all : [keys.mailbox];
  return encryptAtRest({
    data: summaryOctets(summary),
    recipients: own.map(({ certificate }) => certificate),
    now: deps.clock.now(),
    isOwn: true,
  });
}

