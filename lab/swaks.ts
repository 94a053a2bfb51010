/** A stock mail client: swaks, over implicit TLS or STARTTLS, with the lab's certification authority. */
import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";
import type { Account, Place } from "./world.ts";

export type Submission = {
  readonly server: Place;
  readonly tls: "implicit" | "starttls" | "none";
  /** PEM file: what the server's certificate must come from. */
  readonly ca: string;
  readonly login?: Pick<Account, "address" | "password">;
  readonly from: string;
  readonly to: readonly string[];
  /** A whole message with CRLF. */
  readonly message: Uint8Array;
  readonly signal?: AbortSignal;
};

export type Submitted = {
  /** The server's reply to the whole message, or else the first reply that refused something. */
  readonly reply: string;
  readonly isAccepted: boolean;
  /** Where the server said no; undefined when it did not, or elsewhere. */
  readonly refusedAt: "login" | "sender" | "recipient" | "message" | undefined;
  /** What swaks printed: every line of the dialogue, without the message. */
  readonly dialogue: string;
};

/** swaks' exit codes. */
const REFUSED_AT = new Map<number, NonNullable<Submitted["refusedAt"]>>([
  [23, "sender"],
  [24, "recipient"],
  [26, "message"],
  [28, "login"],
]);

/** Sends one message. It is not an error when the server refuses: the reply says so. */
export async function submitMail(submission: Submission): Promise<Submitted> {
  const file = join(tmpdir(), `sealpost-swaks-${randomUUID()}`);
  await writeFile(file, stuffed(submission.message), { mode: 0o600 });
  try {
    const { signal } = submission;
    const { code, stdout, stderr } = await run("swaks", swaksArguments(submission, file), {
      signal,
    });
    const dialogue = `${stdout.toString()}${stderr}`;
    return {
      reply: decisiveReply(dialogue),
      isAccepted: code === 0,
      refusedAt: REFUSED_AT.get(code ?? 0),
      dialogue,
    };
  } finally {
    await rm(file, { force: true });
  }
}

function swaksArguments(submission: Submission, file: string): readonly string[] {
  const { server, login } = submission;
  const tls = { implicit: ["--tls-on-connect"], starttls: ["--tls"], none: [] }[submission.tls];
  const verify = submission.tls === "none" ? [] : ["--tls-verify", "--tls-ca-path", submission.ca];
  const auth =
    login === undefined
      ? []
      : ["--auth", "PLAIN", "--auth-user", login.address, "--auth-password", login.password];
  const target = ["--server", server.host, "--port", String(server.port), "--ehlo", "client.test"];
  const envelope = ["--from", submission.from, "--to", submission.to.join(",")];
  // The message exactly as it is: swaks must not fill in, stuff or end anything.
  const data = ["--data", `@${file}`, "--no-data-fixup", "--hide-send", "--timeout", "60"];
  return [...target, ...tls, ...verify, ...auth, ...envelope, ...data];
}

/** RFC 5321 §4.5.2: a line that begins with a dot gets another, and a dot alone ends the message; swaks adds its line end. */
function stuffed(message: Uint8Array): Buffer {
  const text = Buffer.from(message).toString("latin1").replaceAll(/^\./gm, "..");
  return Buffer.from(`${text.replace(/\r\n$/, "")}\r\n.`, "latin1");
}

/** swaks marks a reply it did not want by `*`; the reply to the message is the last but that to QUIT. */
function decisiveReply(dialogue: string): string {
  const replies = [...dialogue.matchAll(/^<([-~*][*]?)\s+(\d{3} .*?)\r?$/gm)].map(
    ([, mark = "", text = ""]) => ({ isRefusal: mark.endsWith("*"), text }),
  );
  const refusal = replies.find((reply) => reply.isRefusal);
  const taken = replies.findLast((reply) => reply.text.startsWith("250"));
  return refusal?.text ?? taken?.text ?? "(no reply)";
}
