import { checkedConfig } from "../app/config-problems.ts";
import { annotatedFile, describedFields } from "../config/describe.ts";
import { answer, type Call, type Command, type ExitCode } from "./command.ts";

/** `config check` and `config describe`. */
export const configCommands: readonly Command[] = [
  {
    name: "config check",
    operands: [],
    summary: "check the configuration file and the files that it names",
    options: {},
    run: check,
  },
  {
    name: "config describe",
    operands: [],
    summary: "every field of the configuration file with its unit and default",
    options: {},
    run: async (call) => answer(call, { fields: describedFields() }, [annotatedFile().trim()]),
  },
];

async function check(call: Call): Promise<ExitCode> {
  const config = await checkedConfig(call.configFile, { holdsServiceKey: true });
  return answer(call, { file: config.file, isUsable: true }, [`${config.file}: ok`]);
}
