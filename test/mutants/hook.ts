/** Loaded before a test (`--import`): gives the program a file with one fault in it. The file on disk stays as it is. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

const { MUTANT_URL: url, MUTANT_START, MUTANT_END, MUTANT_TEXT } = process.env;

registerHooks({
  load: (wanted, context, next) => {
    if (wanted !== url) return next(wanted, context);
    const source = readFileSync(new URL(wanted), "utf8");
    const text =
      source.slice(0, Number(MUTANT_START)) +
      (MUTANT_TEXT ?? "") +
      source.slice(Number(MUTANT_END));
    return { format: "module-typescript", shortCircuit: true, source: text };
  },
});
