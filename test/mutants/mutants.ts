/**
 * Puts one small fault after the other into the files of `targets.ts` and runs their tests. A fault that no test notices is
 * a survivor; `survivors.txt` says of each survivor why it changes nothing that matters.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { AppError } from "../../src/base/errors.ts";
import { SECOND } from "../../src/base/time.ts";
import { seededRandom } from "../support/mutate.ts";
import { type Mutant, mutantsOf } from "./mutate-source.ts";
import { TARGETS, type Target } from "./targets.ts";

const ROOT = join(import.meta.dirname, "../..");
const HOOK = join(import.meta.dirname, "hook.ts");
const EXPLAINED = join(import.meta.dirname, "survivors.txt");
const AT_A_TIME = 2;
/** A fault that makes a test run for ever is noticed by this much processor time, or by this long a wait. */
const LIMIT_CPU_SECONDS = 30;
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

/**
 * `share`: the part of the mutants that is tried, drawn by a seed; `only`: a part of the file's name.
 * @throws AppError when a test fails without any fault, for it would notice everything.
 */
export async function proveMutants(
  o: {
    readonly share?: number;
    readonly only?: string;
    readonly onScore?: (score: Score) => void;
  } = {},
): Promise<readonly Score[]> {
  const { share = 1, only = "" } = o;
  const random = seededRandom(11);
  const plans = TARGETS.filter(({ file }) => file.includes(only)).map((target) => {
    const path = join(ROOT, "src", target.file);
    const mutants = mutantsOf(readFileSync(path, "utf8")).filter(() => random() < share);
    return { target, path, mutants };
  });
  const cache = mkdtempSync(join(tmpdir(), "sealpost-mutants-"));
  try {
    // Where only a few are tried, the suite that this runs in has run these tests itself.
    if (share === 1)
      await expectGood(cache, [...new Set(plans.flatMap(({ target }) => target.tests))]);
    const scores: Score[] = [];
    for (const plan of plans) {
      const score = await scoreOf(cache, plan);
      o.onScore?.(score);
      scores.push(score);
    }
    return scores;
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

async function expectGood(cache: string, tests: readonly string[]): Promise<void> {
  await atATime(tests, async (test) => {
    // As beside a fault, on one engine (`test/support/engines.ts`), for the same limits hold.
    if (await passes(cache, { MUTANT_URL: "" }, test)) return;
    throw new AppError(`${test} fails without any fault`, { temporary: false });
  });
}

async function atATime<T>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const queue = [...all];
  const work = async () => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await run(one);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

type TargetPlan = {
  readonly target: Target;
  readonly path: string;
  readonly mutants: readonly Mutant[];
};

async function scoreOf(cache: string, { target, path, mutants }: TargetPlan): Promise<Score> {
  const explained = explanations();
  const survivors: string[] = [];
  await atATime(mutants, async (mutant) => {
    if (await survives(cache, path, mutant, target.tests)) {
      survivors.push(nameOf(target, path, mutant));
    }
  });
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

async function survives(
  cache: string,
  path: string,
  { start, end, text }: Mutant,
  tests: readonly string[],
): Promise<boolean> {
  const fault = {
    MUTANT_URL: pathToFileURL(path).href,
    MUTANT_START: String(start),
    MUTANT_END: String(end),
    MUTANT_TEXT: text,
  };
  for (const test of tests) {
    if (!(await passes(cache, fault, test))) return false;
  }
  return true;
}

/** Whether all tests of a file pass; the first that fails ends the run. */
async function passes(
  cache: string,
  fault: Readonly<Record<string, string>>,
  test: string,
): Promise<boolean> {
  const limited = ["-c", `ulimit -t ${LIMIT_CPU_SECONDS}; exec "$@"`, "sh", process.execPath];
  const options = ["--test-isolation=none", "--test-reporter=tap"];
  const args = [...limited, "--import", pathToFileURL(HOOK).href, ...options, "--test", test];
  const child = spawn("sh", args, {
    cwd: ROOT,
    env: { ...process.env, ...fault, NODE_COMPILE_CACHE: cache, NODE_TEST_CONTEXT: undefined },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
    if (/^\s*not ok /m.test(said)) child.kill("SIGKILL");
  });
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  child.once("error", reject);
  child.once("close", (code) => {
    resolve(code === 0);
  });
  return promise;
}
