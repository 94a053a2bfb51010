import { retireServiceKeys, rotateService } from "../app/service-key-rotation.ts";
import { AppError } from "../base/errors.ts";
import { answer, type Call, type Command, type ExitCode } from "./command.ts";
import { openFor } from "./open.ts";
import { refused } from "./refusals.ts";

/** `service-key rotate` and `retire`. */
export const serviceKeyCommands: readonly Command[] = [
  {
    name: "service-key rotate",
    operands: [],
    summary: "a new service root key; what the old one wrapped goes under it. Mail flows on",
    options: { resume: { help: "after an interruption: no new key, only what is left" } },
    run: rotate,
  },
  {
    name: "service-key retire",
    operands: [],
    summary: "delete former service keys for good, once nothing needs them",
    options: {},
    run: retire,
  },
];

async function rotate(call: Call): Promise<ExitCode> {
  await using vault = await openFor(call);
  const unreadable = await rotateService(vault, { isResumed: call.has("resume") });
  const left = unreadable === 0 ? "" : `, but for ${unreadable} rows that no service key opens`;
  return answer(call, { unreadable }, [
    `the new service key is in force and everything is wrapped under it${left}`,
    "back up the new key file; delete the former one with: sealpost service-key retire",
  ]);
}

async function retire(call: Call): Promise<ExitCode> {
  try {
    const reason = await deleteUnneeded(call);
    return answer(call, { isRetired: reason === null, reason }, [
      reason ?? "deleted the former service keys for good",
    ]);
  } catch (error) {
    // Programs read the reason where they read the answer.
    if (call.isJson && error instanceof AppError) {
      answer(call, { isRetired: false, reason: error.message }, []);
    }
    throw error;
  }
}

/** Null, or why there is nothing to do. @throws AppError when they must stay. */
async function deleteUnneeded(call: Call): Promise<string | null> {
  await using vault = await openFor(call);
  const done = await retireServiceKeys(vault);
  if (done.kind === "no-former-key") return "there is no former service key";
  if (done.kind !== "retired") throw refused(done);
  return null;
}
