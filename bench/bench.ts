/** `npm run bench -- NAME ...` runs the measurements of that name, `-- all` all of them; without a name it lists them. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

const own = basename(import.meta.filename);
const all = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== own)
  .map((file) => basename(file, ".ts"))
  .toSorted();
const wanted = process.argv.slice(2);
const names = wanted.includes("all") ? all : wanted;
const unknown = names.filter((name) => !all.includes(name));

if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(", ")}; there are: ${all.join(", ")}`);
  process.exitCode = 64;
} else if (names.length === 0) {
  console.log(`npm run bench -- NAME, or all; there are: ${all.join(", ")}`);
} else {
  for (const name of names) {
    // Each sets the exit code when it misses its bar.
    const { run } = (await import(join(import.meta.dirname, `${name}.ts`))) as Benchmark;
    console.log(`\n== ${name}`);
    if (!(await run())) process.exitCode = 1;
  }
}

/** What a file of this folder exports: it prints its figures; false when it misses its bar. */
type Benchmark = { readonly run: () => Promise<boolean> };
