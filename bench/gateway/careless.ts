import { runOk } from "../../lab/run.ts";
import { addAccount } from "../../test/support/lone-server.ts";

/** A second user, whose policy is `off`. */
export const CARELESS = "ivo@alpha.test";

/** Adds them to an installation; `program` is its command line. */
export async function addCareless(config: string, program: string): Promise<void> {
  await addAccount(config, CARELESS, program);
  await runOk(program, ["account", "policy", CARELESS, "off", "--config", config]);
}
