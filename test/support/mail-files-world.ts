/** A mailbox that is exported and imported: on an engine, with its reader's keys, and a second opinion by Python's `mailbox`. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { summaryOf } from "../../src/incoming/summary.ts";
import { outlineOf } from "../../src/incoming/outline.ts";
import type { ExportDeps } from "../../src/incoming/export/export-mail.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { unprotected } from "../../src/incoming/verdicts.ts";
import { parseHeader } from "../../src/mail/header.ts";
import { detectProtection } from "../../src/pgpmime/detect.ts";
import { ciphertextIn } from "../../src/pgpmime/apart.ts";
import {
  standardFolder,
  type Flag,
  type FolderId,
  type Mailbox,
  type MessageId,
  type MessageVerdict,
} from "../../src/mailbox/mailbox.ts";
import type { SentTo } from "../../src/mailbox/summary.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { findAccount } from "../../src/store/accounts/accounts.ts";
import type { Store } from "../../src/store/store.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import type { Account } from "../../src/words/account.ts";
import { start } from "../contract/mailbox-world.ts";
import { haveAccounts } from "./accounts.ts";
import { addressOf } from "./address.ts";
import { mailboxesWith } from "./mailboxes.ts";
import { ownKey } from "./openpgp-messages.ts";

const BOB = addressOf("bob@beta.test");
export const bobsKey = await ownKey("bob@beta.test", "compat");

/** A message to be added, as it came. */
export type AddedMail = {
  readonly message: string | Uint8Array;
  readonly folder?: FolderId;
  readonly flags?: readonly Flag[];
  readonly receivedAt?: Date;
  readonly verdict?: MessageVerdict;
  readonly keywords?: readonly string[];
  /** Of a message that the reader sent. */
  readonly sent?: readonly SentTo[];
  readonly once?: string;
};

export type MailFilesWorld = {
  readonly deps: ExportDeps;
  readonly account: Account;
  readonly keys: UnlockedKeys;
  readonly mailbox: Mailbox;
  readonly add: (mail: AddedMail) => Promise<MessageId>;
};

/** `now` must be later than what is added. */
export async function mailFilesWorld(store: Store, now: Date): Promise<MailFilesWorld> {
  if ((await findAccount(store, BOB)) === undefined) await haveAccounts(store, BOB);
  const account = await findAccount(store, BOB);
  assert(account);
  const clock = { now: () => now };
  const keys = new UnlockedKeys([bobsKey], bobsKey.fingerprint, []);
  const mailboxOf = mailboxesWith(clock, async (_owner, data) =>
    encryptAtRest({ data, recipients: [bobsKey.certificate], now, isOwn: true }),
  );
  const nobody = async (): Promise<never> => Promise.reject(new Error("nobody may be asked"));
  const deps: ExportDeps = {
    store,
    blobs: blobsIn(store),
    clock,
    hostname: "mx.beta.test",
    mailboxOf,
    open,
    askAuthor: nobody,
    askAuthorKey: nobody,
    trace: traceIncoming(async () => Promise.resolve()),
    isReader: async () => Promise.resolve(true),
    isParked: async () => Promise.resolve(false),
    unlockWithService: async () => Promise.resolve(undefined),
    statusKey: Buffer.alloc(32),
  };
  const mailbox = mailboxOf(store, account, keys);
  return { deps, account, keys, mailbox, add: async (mail) => add(mailbox, mail) };
}

async function add(mailbox: Mailbox, mail: AddedMail): Promise<MessageId> {
  const { folder = standardFolder("inbox"), flags = [], receivedAt = start, keywords = [] } = mail;
  const message = Buffer.from(mail.message);
  const protection = detectProtection(message);
  const ciphertext = protection.kind === "sealed" ? ciphertextIn(message, protection) : undefined;
  const verdict = mail.verdict ?? unprotected(receivedAt);
  const { header } = parseHeader(message);
  const appended = await mailbox.append({
    folder,
    flags,
    receivedAt,
    sizeBytes: message.length,
    content: { kind: "received", pieces: [message], ciphertext },
    summary: {
      ...summaryOf({ header, verdict, outline: outlineOf(message) }),
      keywords,
      ...(mail.sent === undefined ? {} : { sent: mail.sent }),
    },
    ...(mail.once === undefined ? {} : { once: mail.once }),
  });
  assert(appended.kind === "appended");
  return appended.id;
}

/** What Python reads of a message. `info`: the letters of its flags. */
export type PythonMail = {
  readonly subject: string;
  readonly info: string;
  readonly body: string;
  readonly status: readonly string[];
};

const PYTHON = `
import email, email.header, json, mailbox, os, sys
kind, path = sys.argv[1:3]
def seen(m):
    body = m.get_payload(decode=True) or b""
    # Lines of text end with LF alone in files.
    text = body.replace(b"\\r\\n", b"\\n").decode("latin1")
    subject = str(email.header.make_header(email.header.decode_header(m["Subject"] or "")))
    flags = m.get_flags()
    return dict(subject=subject, info=flags, body=text, status=m.get_all("E2E-Status") or [])
found = {}
if kind == "maildir":
    box = mailbox.Maildir(path, create=False)
    folders = {"": box, **{name: box.get_folder(name) for name in box.list_folders()}}
else:
    folders = {name: mailbox.mbox(os.path.join(path, name), create=False) for name in os.listdir(path) if name.endswith(".mbox")}
for name, folder in folders.items():
    found[name] = sorted((seen(m) for m in folder), key=lambda m: (m["subject"], m["body"]))
print(json.dumps(found))
`;
import { blobsIn } from "./spool.ts";

/** The folders of an export, as Python's \`mailbox\` reads them. */
export async function readByPython(
  kind: "maildir" | "mbox",
  path: string,
): Promise<Readonly<Record<string, readonly PythonMail[]>>> {
  const run = promisify(execFile)("/usr/bin/python3.11", ["-c", PYTHON, kind, path], {
    maxBuffer: 256 * 1024 * 1024,
  });
  return JSON.parse((await run).stdout) as Record<string, readonly PythonMail[]>;
}
