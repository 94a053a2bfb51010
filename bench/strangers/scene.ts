/** One scene of strangers: honest work, quiet and under an attack, and what its row of the table says. */
import { median } from "../figures/quantile.ts";

/** The median may be so many times the quiet one. */
export const BAR = 2;
/** How often as much work is done at most, until an attack has shown itself. */
const MOST = 10;
/** Pieces of honest work that nobody measures, before the quiet ones. */
const WARM_UP = 3;

/** An attack that runs until it is disposed. */
export type Attack = AsyncDisposable & {
  /** What it has done so far, for people. */
  readonly said: () => string | Promise<string>;
  /** Whether it is really going on: a scene without its attack shows nothing. */
  readonly isReal: () => boolean | Promise<boolean>;
};

export type Scene = {
  readonly what: string;
  /** Honest pieces of work, quiet and under the attack. */
  readonly times: number;
  /** One piece of honest work; false when it was refused, or came to less than it should. */
  readonly honest: () => Promise<boolean>;
  readonly attack: () => Promise<Attack>;
};

export function printHead(): void {
  const columns = ["quiet ms", "attack ms", "ratio", "done"];
  console.log("".padEnd(WIDTH) + columns.map(right).join(""));
}

/** Runs a scene and prints its row; false when the bar is missed. */
export async function playScene({ what, times, honest, attack }: Scene): Promise<boolean> {
  await measured(honest, WARM_UP);
  const quiet = await measured(honest, times);
  await using running = await attack();
  const attacked = await measured(honest, times, async () => running.isReal());
  const ratio = attacked.medianMs / quiet.medianMs;
  const figures = [quiet.medianMs.toFixed(1), attacked.medianMs.toFixed(1), ratio.toFixed(2)];
  const done = `${String(Math.floor((100 * attacked.done) / attacked.times))} %`;
  const [said, isReal] = [await running.said(), await running.isReal()];
  const isHeld = ratio <= BAR && attacked.done === attacked.times && quiet.done === times && isReal;
  console.log(what.padEnd(WIDTH) + [...figures, done].map(right).join(""));
  console.log(
    `  ${said}${isReal ? "" : "; THE ATTACK WAS NOT GOING ON"}${isHeld ? "" : "; MISSED"}`,
  );
  if (quiet.done < times)
    console.log(`  quiet, ${String(quiet.done)} of ${String(times)} were done`);
  return isHeld;
}

/** Widest name of a scene. */
const WIDTH = 66;
const right = (text: string): string => text.padStart(11);

type Measured = { readonly medianMs: number; readonly done: number; readonly times: number };

/** Works so many times, and on until `isEnough`, though not for ever. */
async function measured(
  work: () => Promise<boolean>,
  times: number,
  isEnough: () => boolean | Promise<boolean> = () => true,
): Promise<Measured> {
  const took: number[] = [];
  let done = 0;
  while (took.length < times || (took.length < MOST * times && !(await isEnough()))) {
    const start = performance.now();
    if (await work().catch(() => false)) done += 1;
    took.push(performance.now() - start);
  }
  return { medianMs: median(took), done, times: took.length };
}
