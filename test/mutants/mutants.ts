/**
 * Puts one small fault after the other into the files of `targets.ts` and runs their tests. A fault that no test notices is
 * a survivor; `survivors.txt` says of each survivor why it changes nothing that matters.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SECOND } from "../../src/base/time.ts";
import { seededRandom } from "../support/mutate.ts";
import { type Mutant, mutantsOf } from "./mutate-source.ts";
import { TARGETS, type Target } from "./targets.ts";

const ROOT = join(import.meta.dirname, "../..");
const HOOK = join(import.meta.dirname, "hook.ts");
const EXPLAINED = join(import.meta.dirname, "survivors.txt");
const AT_A_TIME = 2;
/** A fault that makes a test run for ever is noticed by this. */
const LIMIT_MS = 120 * SECOND;

export type Score = {
  readonly file: string;
  readonly made: number;
  readonly killed: number;
  /** Survivors that `survivors.txt` explains. */
  readonly explained: number;
  /** The others, as that file would name them. */
  readonly unexplained: readonly string[];
};

/** `share`: the part of the mutants that is tried, drawn by a seed. */
export async function proveMutants(
  o: {
    readonly share?: number;
    readonly only?: string;
    readonly onScore?: (score: Score) => void;
  } = {},
): Promise<readonly Score[]> {
  const scores: Score[] = [];
  for (const target of TARGETS) {
    if (o.only !== undefined && !target.file.includes(o.only)) continue;
    const score = await scoreOf(target, o.share ?? 1);
    o.onScore?.(score);
    scores.push(score);
  }
  return scores;
}

async function scoreOf(target: Target, share: number): Promise<Score> {
  const path = join(ROOT, "src", target.file);
  const random = seededRandom(11);
  const mutants = mutantsOf(readFileSync(path, "utf8")).filter(() => random() < share);
  const explained = explanations();
  const survivors: string[] = [];
  const queue = [...mutants];
  const work = async () => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      if (await survives(path, mutant, target.tests)) survivors.push(nameOf(target, path, mutant));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  const unexplained = survivors.filter((name) => !explained.has(name)).toSorted();
  return {
    file: target.file,
    made: mutants.length,
    killed: mutants.length - survivors.length,
    explained: survivors.length - unexplained.length,
    unexplained,
  };
}

/** By the text of its line, so that lines may move; of two on one line the fault tells them apart. */
function nameOf({ file }: Target, path: string, { line, what }: Mutant): string {
  const text = readFileSync(path, "utf8").split("\n")[line - 1]?.trim() ?? "";
  return `${file} | ${text} | ${what}`;
}

/** Each line: the mutant's name, ` # `, and why it does not matter. */
function explanations(): ReadonlySet<string> {
  const lines = readFileSync(EXPLAINED, "utf8").split("\n");
  return new Set(
    lines.flatMap((line) => {
      const end = line.lastIndexOf(" # ");
      return end === -1 || line.startsWith("#") ? [] : [line.slice(0, end)];
    }),
  );
}

async function survives(path: string, mutant: Mutant, tests: readonly string[]): Promise<boolean> {
  for (const test of tests) {
    if (!(await passes(path, mutant, test))) return false;
  }
  return true;
}

async function passes(path: string, { start, end, text }: Mutant, test: string): Promise<boolean> {
  const env = {
    ...process.env,
    MUTANT_URL: pathToFileURL(path).href,
    MUTANT_START: String(start),
    MUTANT_END: String(end),
    MUTANT_TEXT: text,
    NODE_TEST_CONTEXT: undefined,
  };
  const args = ["--import", pathToFileURL(HOOK).href, "--test-isolation=none", "--test", test];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env,
    stdio: "ignore",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  child.once("error", reject);
  child.once("close", (code) => {
    resolve(code === 0);
  });
  return promise;
}
