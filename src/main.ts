/** The program `sealpost`: hands its command line to `cli/` and ends with the exit code that comes back. */
import { runCli } from "./cli/cli.ts";

process.exitCode = await runCli(process.argv.slice(2), {
  input: process.stdin,
  write: (output) => process.stdout.write(output),
  complain: (line) => process.stderr.write(`${line}\n`),
});
