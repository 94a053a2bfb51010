import { type Command, type Option, table } from "./command.ts";

const COMMON: Readonly<Record<string, Option>> = {
  config: { value: "FILE", help: "the configuration file (default: sealpost.toml)" },
  json: { help: "one JSON document on stdout" },
  help: { help: "this text" },
};

/** What `sealpost --help` and `sealpost account --help` print. */
export function helpForAll(commands: readonly Command[]): string {
  const rows = commands.map((command) => [`  ${usage(command)}`, command.summary]);
  return [
    "sealpost: managed end-to-end encryption of mail, for mail providers",
    "",
    "Commands:",
    ...table(rows),
    "",
    "Options of every command:",
    ...optionRows(COMMON),
    "",
    "Secrets are read from stdin or from files that the configuration names, never from the command line.",
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 75 temporary trouble: try again.",
    "",
  ].join("\n");
}

/** What `sealpost account add --help` prints. */
export function helpForOne(command: Command): string {
  return [
    `usage: sealpost ${usage(command)} [options]`,
    "",
    command.summary,
    "",
    "Options:",
    ...optionRows({ ...command.options, ...COMMON }),
    "",
  ].join("\n");
}

function usage(command: Command): string {
  return [command.name, ...command.operands].join(" ");
}

function optionRows(options: Readonly<Record<string, Option>>): readonly string[] {
  const rows = Object.entries(options).map(([name, { value, help }]) => [
    `  --${name}${value === undefined ? "" : ` ${value}`}`,
    help,
  ]);
  return table(rows);
}
