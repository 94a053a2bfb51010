import { backUp, confirmRestore, restore, type Restored } from "../app/restore.ts";
import { loadConfig } from "../config/config.ts";
import {
  answer,
  type Call,
  type Command,
  type ExitCode,
  printable,
  UsageError,
} from "./command.ts";
import { openFor } from "./open.ts";

/** `backup` and `restore`. */
export const backupCommands: readonly Command[] = [
  {
    name: "backup",
    operands: ["FILE"],
    summary:
      "write the database into a file, and the folder of bodies beside it, while mail flows on; the service key is not in it",
    options: {},
    run: runBackup,
  },
  {
    name: "restore",
    operands: ["[FILE]"],
    summary: "make the database from a backup, where there is none; Sealpost must not run",
    options: {
      published: {
        value: "FILE",
        help: "what was published since (default: as configured); with it nothing is un-revoked",
      },
      confirm: {
        help: "after a restore without that file: publish what the backup holds",
      },
    },
    run: runRestore,
  },
];

async function runBackup(call: Call): Promise<ExitCode> {
  const [file = ""] = call.operands;
  await using vault = await openFor(call);
  const { copied, missing } = await backUp(vault, file);
  const { publishedFile } = vault.config;
  return answer(call, { file, publishedFile, bodies: copied, missingBodies: missing }, [
    `${printable(file)} holds the database without its caches`,
    ...(copied === 0 ? [] : [`${printable(file)}.bodies belongs to it: ${copied} bodies`]),
    ...(missing.length === 0
      ? []
      : [
          `${missing.length} BODIES ARE NOT IN ${printable(vault.config.storage.bodiesFolder)}: put them back from an older backup`,
        ]),
    `keep beside it, and newer: ${printable(vault.config.publishedFile)}`,
    `keep elsewhere, never with it: ${printable(vault.config.secrets.serviceKeyFile)}`,
  ]);
}

async function runRestore(call: Call): Promise<ExitCode> {
  const [file] = call.operands;
  if (call.has("confirm") === (file !== undefined)) {
    throw new UsageError("give either FILE or --confirm");
  }
  if (file === undefined) {
    await using vault = await openFor(call);
    await confirmRestore(vault);
    return answer(call, { isHeld: false }, ["what the backup holds may be published"]);
  }
  const config = await loadConfig(call.configFile);
  const quiet = { ...config, log: { ...config.log, level: "silent" } } as const;
  const restored = await restore(quiet, file, call.option("published") ?? config.publishedFile);
  return answer(
    call,
    { ...restored, from: restored.from?.toISOString() ?? null },
    textOf(restored),
  );
}

function textOf({
  from,
  revoked,
  lostKeys,
  passwords,
  missingBodies,
  isHeld,
}: Restored): readonly string[] {
  const named = (addresses: readonly string[]) => addresses.map((one) => `  ${printable(one)}`);
  return [
    `restored as of ${from?.toISOString() ?? "an unknown time"}`,
    ...(isHeld
      ? [
          "NOTHING IS PUBLISHED: without the file of what was published since, keys may be there that were revoked.",
          "Once you accept that: sealpost restore --confirm",
        ]
      : [`${revoked} keys were revoked since, and stay revoked`]),
    ...(missingBodies === 0
      ? []
      : [`${missingBodies} messages cannot be read: their bodies are not in the backup`]),
    ...(lostKeys.length === 0
      ? []
      : ["keys made since are lost, and mail sealed to them:", ...named(lostKeys)]),
    ...(passwords.length === 0
      ? []
      : ["passwords changed since; the earlier ones are valid again:", ...named(passwords)]),
  ];
}
