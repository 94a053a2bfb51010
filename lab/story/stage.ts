/** What the steps of the story work with: the lab, and what an earlier step found out. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../lab.ts";
import type { Recorder } from "../recorder.ts";
import { sealpost, sealpostJson } from "../run.ts";
import { type Submitted, submitMail } from "../swaks.ts";
import { accountOf, providerFor } from "../world.ts";
import type { StoryMessage } from "./message.ts";

/** How often a mailbox is looked at. Looking takes longer on a loaded machine, as what is waited for does. */
const MAX_LOOKS = 150;
const POLL_MS = 200;

export type Step = { readonly title: string; readonly play: (stage: Stage) => Promise<void> };

export type Stage = {
  readonly lab: Lab;
  /** What alice wrote to bob in step 2, for step 3. */
  firstMessage?: StoryMessage;
  /** What alice wrote in step 7 while it was not certain whether it could be sealed, for step 14. */
  waiting?: Waiting;
};

/** By whose provider was disturbed: DNS that is mended, a keyserver that was down, DNS that stays bogus. */
export type Waiting = Readonly<Record<"mia" | "ben" | "dave", StoryMessage>>;

/** A message as `sealpost deferred list --json` shows it. */
export type Deferred = {
  readonly id: string;
  readonly sender: string;
  readonly messageId: string;
  readonly recipients: readonly string[];
  readonly reason: string;
};

/** A message as `sealpost mail list --json` shows it. */
export type Listed = {
  readonly id: string;
  readonly from: string;
  readonly subject: string;
  readonly state: string;
  readonly warnings: readonly string[];
  readonly unsigned: readonly string[];
  readonly signature: string;
  readonly signer: string | null;
  readonly fingerprint: string | null;
  /** What each recipient got, of a message that the reader sent. */
  readonly sent: readonly {
    readonly address: string;
    readonly got: string;
    readonly fingerprint: string;
    readonly isBlind: boolean;
    readonly code: string;
  }[];
};

/** A message as `sealpost mail show --json` shows it. */
export type Shown = Listed & {
  readonly parts: readonly {
    readonly contentType: string;
    readonly filename?: string | null;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly text?: string;
  }[];
};

export function openStage(lab: Lab): Stage {
  return { lab };
}

export type Letter = {
  readonly from: string;
  /** The envelope's recipients. */
  readonly to: readonly string[];
  readonly message: Uint8Array;
  readonly tls?: "implicit" | "starttls";
};

/** Sends as the sender's own mail client does: to the submission port of his provider, with his password. */
export async function submit({ lab }: Stage, letter: Letter): Promise<Submitted> {
  const { from, to, message, tls = "implicit" } = letter;
  const provider = providerFor(lab.world, from);
  return submitMail({
    server: tls === "implicit" ? provider.submission : provider.submissionStartTls,
    tls,
    ca: lab.world.ca,
    login: accountOf(lab.world, from),
    from,
    to,
    message,
  });
}

/** As `submit`, for what must be taken. */
export async function submitOk(stage: Stage, letter: Letter): Promise<Submitted> {
  const submitted = await submit(stage, letter);
  assert(submitted.isAccepted, `refused: ${submitted.reply}\n${submitted.dialogue}`);
  return submitted;
}

/** What waits at alice's provider until its recipients are certain. */
export async function listDeferred({ lab }: Stage): Promise<readonly Deferred[]> {
  const { config } = providerFor(lab.world, "alice@alpha.test");
  return sealpostJson(config, ["deferred", "list"]);
}

/** The account's messages in a folder, opened with its password. */
export async function listMail(
  { lab }: Stage,
  address: string,
  folder = "inbox",
): Promise<readonly Listed[]> {
  const { config, password } = mailbox(lab, address);
  const list = ["mail", "list", address, "--folder", folder, "--password-stdin"];
  const { messages } = await sealpostJson<{ readonly messages: readonly Listed[] }>(config, list, {
    input: password,
  });
  return messages;
}

/** Waits until the account has a message with this subject that has been judged. */
export async function arrival(stage: Stage, address: string, subject: string): Promise<Listed> {
  for (let look = 1; ; look += 1) {
    const all = await listMail(stage, address);
    const found = all.find((message) => message.subject === subject);
    if (found !== undefined && found.signature !== "later") return found;
    if (look >= MAX_LOOKS) {
      throw new Error(
        `${address} has no message "${subject}": ${JSON.stringify(all, undefined, 1)}`,
      );
    }
    await sleep(POLL_MS);
  }
}

export async function showMail({ lab }: Stage, address: string, id: string): Promise<Shown> {
  const { config, password } = mailbox(lab, address);
  const show = ["mail", "show", address, id, "--password-stdin"];
  return sealpostJson(config, show, { input: password });
}

/** The message as its reader sees it. */
export async function readMail({ lab }: Stage, address: string, id: string): Promise<string> {
  const { config, password } = mailbox(lab, address);
  const show = ["mail", "show", address, id, "--password-stdin"];
  return (await sealpost(config, show, { input: password })).toString();
}

/** The fingerprint of an account's key, from its own provider. */
export async function fingerprintOf({ lab }: Stage, address: string): Promise<string> {
  const { config } = mailbox(lab, address);
  const key = await sealpostJson<{ fingerprint: string }>(config, ["key", "show", address]);
  return key.fingerprint;
}

/** The sink of bogus.test takes every domain that is no one's in this lab. */
export async function assertNothingAtBogus({ lab }: Stage): Promise<void> {
  const { dir } = lab.world.sinks["bogus.test"] ?? {};
  assert(dir !== undefined);
  assert.deepEqual(await readdir(dir), [], "something has left for bogus.test");
}

/** What stands before a provider's MX and keeps what it is sent. */
export function recorderAt({ lab }: Stage, domain: string): Recorder {
  const recorder = lab.recorders.get(domain);
  assert(recorder, `the lab records nothing at ${domain}`);
  return recorder;
}

function mailbox(lab: Lab, address: string) {
  const { config } = providerFor(lab.world, address);
  return { config, password: accountOf(lab.world, address).password };
}
