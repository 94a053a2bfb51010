/** What is wrong with a configuration beyond its text: the files that it names, and places that cannot be right. */
import { type Config, ConfigError, readConfig } from "../config/config.ts";
import { gatewayFileProblems, tlsProblems } from "./config-files.ts";
import { listenerProblems, policyProblems, relayProblems } from "./config-places.ts";
import { hopFieldProblems } from "./hop-problems.ts";

/** `holdsServiceKey`: of a process that reads the service key; the keyserver's may not even see its folder. */
export type Checks = { readonly holdsServiceKey: boolean };

/** The configuration in a file, when nothing is wrong with it. @throws ConfigError with each fault and what to do. */
export async function checkedConfig(file: string, checks: Checks): Promise<Config> {
  const { config, fields } = await readConfig(file);
  const { at } = fields;
  const problems = [
    ...(await tlsProblems(config, at)),
    ...(checks.holdsServiceKey ? await gatewayFileProblems(config, at) : []),
    ...listenerProblems(config, fields),
    ...relayProblems(config, fields),
    ...hopFieldProblems(config, fields),
    ...policyProblems(config, fields),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
