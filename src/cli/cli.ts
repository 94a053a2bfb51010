/**
 * The command line `sealpost`: a noun, a verb, operands and options in; lines and an exit code out.
 *
 * Each command is in the file of its noun. It reads words, calls a function of a feature and prints what came of it; it knows
 * no rule of the product and never touches the store. This file finds the command that a line names, and turns every failure
 * into one line on stderr and an exit code.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { isOutOfReach } from "../app/out-of-reach.ts";
import { AppError, errorText } from "../base/errors.ts";
import { ConfigError } from "../config/config.ts";
import { accountConvertCommands } from "./account-convert.ts";
import { accountDigestCommand } from "./account-digest.ts";
import { accountKeyCommands } from "./account-key.ts";
import { accountLanguageCommand } from "./account-language.ts";
import { accountLifeCommands } from "./account-life.ts";
import { accountNoticesCommand } from "./account-notices.ts";
import { accountRecoverCommands } from "./account-recover.ts";
import { accountRuleCommands } from "./account-rule.ts";
import { accountSuggestionsCommand } from "./account-suggestions.ts";
import { accountCommands } from "./account.ts";
import { auditCommands } from "./audit.ts";
import { backupCommands } from "./backup.ts";
import { type Command, type ExitCode, type Terminal, UsageError } from "./command.ts";
import { configCommands } from "./config.ts";
import { databaseCommands } from "./database.ts";
import { deferredCommands } from "./deferred.ts";
import { dnsCommands } from "./dns.ts";
import { doctorCommands } from "./doctor.ts";
import { domainCommands } from "./domain.ts";
import { helpForAll, helpForOne } from "./help.ts";
import { initCommand } from "./init.ts";
import { keyImportCommands } from "./key-import.ts";
import { keyMigrateCommands } from "./key-migrate.ts";
import { keyRevocationsCommand } from "./key-revocations.ts";
import { keyCommands } from "./key.ts";
import { mailChangeCommands } from "./mail-change.ts";
import { mailExportCommand } from "./mail-export.ts";
import { mailImportCommand } from "./mail-import.ts";
import { mailCommands } from "./mail.ts";
import { recipientCommands } from "./recipient.ts";
import { serveCommand } from "./serve.ts";
import { serviceKeyCommands } from "./service-key.ts";
import { traceCommand } from "./trace.ts";

const COMMANDS: readonly Command[] = [
  serveCommand,
  initCommand,
  ...configCommands,
  ...databaseCommands,
  ...backupCommands,
  ...serviceKeyCommands,
  ...doctorCommands,
  ...dnsCommands,
  ...accountCommands,
  accountLanguageCommand,
  ...accountRuleCommands,
  ...accountRecoverCommands,
  ...accountKeyCommands,
  ...accountConvertCommands,
  ...accountLifeCommands,
  accountNoticesCommand,
  accountSuggestionsCommand,
  accountDigestCommand,
  ...keyCommands,
  keyRevocationsCommand,
  ...keyImportCommands,
  ...keyMigrateCommands,
  ...auditCommands,
  ...recipientCommands,
  ...mailCommands,
  ...mailChangeCommands,
  mailExportCommand,
  mailImportCommand,
  ...domainCommands,
  ...deferredCommands,
  traceCommand,
];

/** Options of every command. */
const COMMON = {
  config: { type: "string", default: "sealpost.toml" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** What runs: of Sealpost, and of the Node.js below it. */
function version(args: readonly string[], terminal: Terminal): ExitCode {
  const { version: sealpost } = JSON.parse(readFileSync(PACKAGE, "utf8")) as { version: string };
  const view = { sealpost, node: process.versions.node };
  const isJson = args.includes("--json");
  terminal.write(
    isJson
      ? `${JSON.stringify(view, undefined, 2)}\n`
      : `sealpost ${view.sealpost} (Node.js ${view.node})\n`,
  );
  return 0;
}

const PACKAGE = join(import.meta.dirname, "../../package.json");

/** Runs one command line; never throws. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    return await runCommand(wordsFirst(args), terminal);
  } catch (thrown) {
    terminal.complain(`sealpost: ${explanation(thrown)}`);
    return exitCodeFor(thrown);
  }
}

/** `--config FILE account list` is `account list --config FILE`. */
function wordsFirst(args: readonly string[]): readonly string[] {
  const start = args.findIndex((arg, at) => !arg.startsWith("-") && args[at - 1] !== "--config");
  return start === -1 ? args : [...args.slice(start), ...args.slice(0, start)];
}

/** What was thrown and what caused it: this is the operator's own terminal. */
function explanation(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  const text = errorText(thrown);
  if (cause === undefined || text.includes(errorText(cause))) return text;
  return `${text}: ${explanation(cause)}`;
}

function exitCodeFor(thrown: unknown): ExitCode {
  if (thrown instanceof UsageError || thrown instanceof ConfigError) return 2;
  const isTemporary = thrown instanceof AppError ? thrown.temporary : isOutOfReach(thrown);
  return isTemporary ? 75 : 1;
}

async function runCommand(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const command = COMMANDS.find(({ name }) => {
    const own = name.split(" ");
    return own.every((word, at) => args[at] === word);
  });
  if (command !== undefined) return runFound(command, args, terminal);
  if (args.includes("--version") || args[0] === "version") return version(args, terminal);
  const isHelp = args.includes("--help") || args.includes("-h") || args[0] === "help";
  const noun = args[0] === "help" ? args[1] : args[0];
  const group = COMMANDS.filter(({ name }) => name.split(" ", 1)[0] === noun);
  if (isHelp || args.length === 0) {
    terminal.write(helpForAll(group.length > 0 ? group : COMMANDS));
    return args.length === 0 ? 2 : 0;
  }
  throw new UsageError(unknownCommand(args, group));
}

function unknownCommand(args: readonly string[], group: readonly Command[]): string {
  const given = args.slice(0, 2).join(" ");
  if (group.length === 0) return `unknown command "${given}"; see: sealpost --help`;
  const known = group.map(({ name }) => name).join(", ");
  return `unknown command "${given}"; there is: ${known}`;
}

async function runFound(
  command: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const { values, positionals } = parsed(command, args.slice(command.name.split(" ").length));
  if (values["help"] === true) {
    terminal.write(helpForOne(command));
    return 0;
  }
  const required = command.operands.filter((operand) => !operand.startsWith("[")).length;
  const isMany = command.operands.at(-1)?.endsWith("...") === true;
  const most = isMany ? Number.POSITIVE_INFINITY : command.operands.length;
  if (positionals.length < required || positionals.length > most) {
    throw new UsageError(
      `usage: sealpost ${[command.name, ...command.operands].join(" ")}; see: sealpost ${command.name} --help`,
    );
  }
  return command.run({
    operands: positionals,
    configFile: typeof values["config"] === "string" ? values["config"] : COMMON.config.default,
    isJson: values["json"] === true,
    terminal,
    option: (name) => {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    },
    has: (name) => values[name] === true,
  });
}

type Parsed = {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
};

function parsed(command: Command, args: readonly string[]): Parsed {
  const own = Object.entries(command.options).map(([name, { value }]) => {
    const type = value === undefined ? ("boolean" as const) : ("string" as const);
    return [name, { type }] as const;
  });
  try {
    return parseArgs({
      args: [...args],
      options: { ...COMMON, ...Object.fromEntries(own) },
      allowPositionals: true,
      strict: true,
    });
  } catch (cause) {
    throw new UsageError(`${errorText(cause)}; see: sealpost ${command.name} --help`);
  }
}
