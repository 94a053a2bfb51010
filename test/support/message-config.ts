import type { Config } from "openpgp";
import { certificateConfig } from "../../src/openpgp/certificates/profile.ts";

/** How the tests' own OpenPGP.js reads and writes messages: as the program's, but an unknown packet is an error. */
export const messageConfig: Readonly<Config> = Object.freeze({
  ...certificateConfig,
  ignoreUnsupportedPackets: false,
});
