import { stat } from "node:fs/promises";

import { errorText } from "../base/errors.ts";
import { mayOthersRead } from "../base/private-file.ts";
import { compareServiceKey } from "../vault/service-key-log.ts";
import { SERVICE_KEY_BYTES } from "../vault/service-key.ts";
import { type Judgement, fail, ok, warn } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Whether the service key is there, whole, nobody else's to read, and the one that the audit log says is in force. */
export const serviceKeyCheck: Check<DoctorDeps> = {
  name: "service-key",
  why: "With this file and a copy of the database, mail of users whose keys the provider can use is open to whoever has both; without it nothing here opens.",
  run: async (deps) => [
    await judge(deps.serviceKeyFile),
    ...(deps.formerKeysFile === undefined ? [] : await judgeFormer(deps.formerKeysFile)),
    ...(await judgeInForce(deps)),
  ],
};

/** Former keys open what is not wrapped again yet; most of the time there are none. */
async function judgeFormer(file: string): Promise<readonly Judgement[]> {
  const mode = await stat(file).then(
    (found) => found.mode,
    () => 0,
  );
  if (!mayOthersRead(file, mode)) return [];
  return [fail(`others may read the former service keys ${file}`, `Run: chmod 600 ${file}`)];
}

/** Another check says what is wrong with the database. */
async function judgeInForce({ database, serviceKeys }: DoctorDeps): Promise<readonly Judgement[]> {
  if (database.kind === "closed" || !database.isMigrated || serviceKeys === undefined) return [];
  switch (await compareServiceKey(database.store, serviceKeys.current.id)) {
    case "as-logged":
      return [];
    case "unfinished":
      return [
        warn(
          "the service key was replaced, and the end of its rotation is not in the audit log",
          "Run: sealpost service-key rotate --resume",
        ),
      ];
    case "other":
      return [
        fail(
          "the service key of this host is not the one that the audit log says is in force",
          "Copy the service key and its .former file from the host that rotated it. If the key of this host is right: sealpost service-key rotate --resume",
        ),
      ];
  }
}

async function judge(file: string): Promise<Judgement> {
  try {
    const { mode, size } = await stat(file);
    if (mayOthersRead(file, mode)) {
      return fail(`others may read the service key ${file}`, `Run: chmod 600 ${file}`);
    }
    return size === SERVICE_KEY_BYTES
      ? ok(`the service key ${file} is there, and only its owner may read it`)
      : fail(
          `the service key ${file} holds ${size} bytes instead of ${SERVICE_KEY_BYTES}`,
          "Put it back from its own backup. A new one opens nothing that is in the database.",
        );
  } catch (thrown) {
    return fail(
      `the service key ${file} cannot be read: ${errorText(thrown)}`,
      "Put it back from its own backup, or run doctor as the user of the gateway. If it is lost, see docs/operate/keys.md (after the loss of the service key).",
    );
  }
}
