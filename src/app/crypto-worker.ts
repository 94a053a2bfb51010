/** The thread behind `crypto-pool.ts`: one job in, one outcome out; the keys that came with it are wiped after it. */
import { parentPort } from "node:worker_threads";
import { AppError, errorText } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { readSecretKey } from "../openpgp/secret-key.ts";
import { encryptAtRest } from "../openpgp/encrypt.ts";
import { clientProtection } from "../outgoing/already-protected.ts";
import { examine } from "../pgpmime/examine.ts";
import { findCiphertext } from "../pgpmime/find-ciphertext.ts";
import { open } from "../pgpmime/open.ts";
import { seal } from "../pgpmime/seal.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import type { Job, Outcome } from "./pooled-worker.ts";

const port = parentPort;
if (port === null) throw new Error("crypto-worker.ts runs as a worker of crypto-pool.ts");

port.on("message", (job: Job) => {
  void outcomeOf(job).then((outcome) => {
    port.postMessage(outcome);
  });
});

async function outcomeOf(job: Job): Promise<Outcome> {
  try {
    switch (job.kind) {
      case "seal":
        return await sealJob(job);
      case "open":
        return await openJob(job);
      case "examine":
        return { kind: "examined", examined: examine(job.message) };
      case "holds":
        return { kind: "held", holds: findCiphertext(job.message).kind };
      case "client-protection":
        return { kind: "client-protection", protection: clientProtection(job.message) };
      case "wrap":
        return { kind: "wrapped", wrapped: await encryptAtRest(job) };
    }
  } catch (error) {
    if (error instanceof UnsealableMessage) return { kind: "unsealable", why: error.message };
    return {
      kind: "failed",
      reason: errorText(error),
      temporary: error instanceof AppError && error.temporary,
    };
  }
}

async function sealJob(job: Extract<Job, { kind: "seal" }>): Promise<Outcome> {
  using raw = new Secret(job.signer);
  using signer = await readSecretKey(raw);
  return { kind: "sealed", message: await seal({ ...job, signer }) };
}

async function openJob(job: Extract<Job, { kind: "open" }>): Promise<Outcome> {
  using disposables = new DisposableStack();
  const keys = [];
  for (const bytes of job.keys) {
    const raw = disposables.use(new Secret(bytes));
    keys.push(disposables.use(await readSecretKey(raw)));
  }
  return { kind: "opened", opened: await open({ message: job.message, keys }) };
}
