/** The program `sealpost`: hands its command line to `cli/` and ends with the exit code that comes back. */
import { runCli } from "./cli/cli.ts";

const code = await runCli(process.argv.slice(2), {
  input: process.stdin,
  write: (output) => process.stdout.write(output),
  complain: (line) => process.stderr.write(`${line}\n`),
});

// Where one of two roles failed, the other may still be listening.
if (code !== 0) process.exit(code);
