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
    summary: "write the database into a file while mail flows on; the service key is not in it",
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
  await using parts = await openFor(call);
  await backUp(parts, file);
  return answer(call, { file, publishedFile: parts.config.publishedFile }, [
    `${printable(file)} holds the database without its caches`,
    `keep beside it, and newer: ${printable(parts.config.publishedFile)}`,
    `keep elsewhere, never with it: ${printable(parts.config.secrets.serviceKeyFile)}`,
  ]);
}

async function runRestore(call: Call): Promise<ExitCode> {
  const [file] = call.operands;
  if (call.has("confirm") === (file !== undefined)) {
    throw new UsageError("give either FILE or --confirm");
  }
  if (file === undefined) {
    await using parts = await openFor(call);
    await confirmRestore(parts);
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

function textOf({ from, revoked, lostKeys, passwords, isHeld }: Restored): readonly string[] {
  const named = (addresses: readonly string[]) => addresses.map((one) => `  ${printable(one)}`);
  return [
    `restored as of ${from?.toISOString() ?? "an unknown time"}`,
    ...(isHeld
      ? [
          "NOTHING IS PUBLISHED: without the file of what was published since, keys may be there that were revoked.",
          "Once you accept that: sealpost restore --confirm",
        ]
      : [`${revoked} keys were revoked since, and stay revoked`]),
    ...(lostKeys.length === 0
      ? []
      : ["keys made since are lost, and mail sealed to them:", ...named(lostKeys)]),
    ...(passwords.length === 0
      ? []
      : ["passwords changed since; the earlier ones are valid again:", ...named(passwords)]),
  ];
}
