/** Mail with a canary in all that only its reader may see: what comes, what is sent, and what is being written. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { attached, saved } from "./drafts.ts";
import { PASSWORD, READER, type Serving } from "./lone-server.ts";
import { RawSmtp } from "./raw-smtp.ts";
import { withDrafts } from "./reader-drafts.ts";

/** The canary stands in names, the subject, references, the text, and an attachment and its name. */
export function clearMail(
  canary: string,
  reader: string,
  text: string,
  from = "x@beta.test",
): string {
  return [
    `From: "${canary}" <${from}>`,
    `To: "${canary}" <${reader}>`,
    `Subject: =?utf-8?B?${Buffer.from(`Grüße, ${canary}`).toString("base64")}?=`,
    `References: <${canary}@beta.test>`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="b"',
    "",
    "--b",
    "Content-Type: text/plain; charset=utf-8",
    "",
    text,
    "--b",
    `Content-Type: text/plain; name="${canary}.txt"`,
    `Content-Disposition: attachment; filename="${canary}.txt"`,
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from(text.slice(0, 2000)).toString("base64"),
    "--b--",
  ].join("\r\n");
}

/** The reader sends such a message. Addresses of recipients stand in the trace, so that the canary is not in them. */
export async function send(
  { dir, canary }: { readonly dir: string; readonly canary: string },
  gateway: Serving,
  recipients: readonly string[],
): Promise<void> {
  await using client = await RawSmtp.connect(gateway.place("submission"), {
    ca: await readFile(join(dir, "pki/ca.pem"), "utf8"),
    serverName: "mail.alpha.test",
  });
  await client.ask("EHLO c.test");
  const token = Buffer.from(`\0${READER}\0${PASSWORD}`).toString("base64");
  assert.match(await client.ask(`AUTH PLAIN ${token}`), /^235 /);
  const text = clearMail(canary, recipients[0] ?? "", canary, READER);
  const lines = [
    `MAIL FROM:<${READER}>`,
    ...recipients.map((recipient) => `RCPT TO:<${recipient}>`),
    "DATA",
    `${text}\r\n.`,
  ];
  for (const line of lines) assert.match(await client.ask(line), /^[23]/, line);
}

/** The texts and attachments that `writeDraft` stores. */
export const BLOBS_OF_DRAFT = 3;

/** The reader writes a draft, which they save twice: with a blind recipient, a small attachment and one in pieces. */
export async function writeDraft(
  config: string,
  canary: string,
  largeBytes: number,
): Promise<void> {
  await withDrafts(config, async (drafts) => {
    const recipient = `${canary}@beta.test`;
    const message = (text: string) =>
      Buffer.from(`Bcc: ${recipient}\r\n${clearMail(canary, recipient, text, READER)}`);
    const draft = await saved(drafts, { message: message(canary), once: canary });
    const large = Buffer.from(`${canary} and more `.repeat(largeBytes / 32));
    await attached(drafts, draft.id, Buffer.from(canary), `${canary}.txt`);
    await attached(drafts, draft.id, large, `${canary}.dat`);
    await saved(drafts, { message: message(`${canary} once more`) }, draft);
  });
}
