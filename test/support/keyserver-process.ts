/**
 * The keyserver role as a process of its own, with limits that no load reaches: `node keyserver-process.ts CONFIG`. For
 * measurements, and for tests of what another process sees.
 */
import { runKeyserver } from "../../src/app/keyserver.ts";
import { loadConfig } from "../../src/config/config.ts";

const WITHOUT_END = Number.MAX_SAFE_INTEGER / 2;

await runKeyserver(await loadConfig(process.argv[2] ?? "sealpost.toml"), undefined, {
  lookUpsPerMinute: WITHOUT_END,
  addressMissesPerMinute: WITHOUT_END,
  idMissesPerMinute: WITHOUT_END,
});
