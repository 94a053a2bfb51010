/**
 * The demonstration that plays itself: each step does the real thing with stock programs, and looks at what came of it.
 * A step that fails says why, and the next one is still played.
 */
import { SECOND, systemClock } from "../../src/base/time.ts";
import type { Lab } from "../lab.ts";
import { step1 } from "./step-1-dns.ts";
import { step2 } from "./step-2-sealed-on-the-wire.ts";
import { step3 } from "./step-3-confidential.ts";
import { step4 } from "./step-4-gnupg.ts";
import { step5 } from "./step-5-unverified.ts";
import { step6 } from "./step-6-clear-or-refused.ts";
import { step7 } from "./step-7-uncertain.ts";
import { step8 } from "./step-8-blind-copy.ts";
import { step9 } from "./step-9-inside.ts";
import { step10 } from "./step-10-version-6.ts";
import { step11 } from "./step-11-signed-text.ts";
import { step12 } from "./step-12-protected-headers.ts";
import { step13 } from "./step-13-compromised.ts";
import { step14 } from "./step-14-certain-again.ts";
import { openStage, type Step } from "./stage.ts";

const STEPS: readonly Step[] = [
  step1,
  step2,
  step3,
  step4,
  step5,
  step6,
  step7,
  step8,
  step9,
  step10,
  step11,
  step12,
  step13,
  step14,
];

/**
 * Plays all steps in order, a line each, then `N passed, N failed`. @returns whether all passed.
 * @throws what `signal` was aborted with, after the step that is being played.
 */
export async function playStory(
  lab: Lab,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const stage = openStage(lab);
  let failed = 0;
  for (const [index, step] of STEPS.entries()) {
    signal.throwIfAborted();
    const startedAt = systemClock.now().getTime();
    const problem = await play(step, stage);
    const seconds = ((systemClock.now().getTime() - startedAt) / SECOND).toFixed(1);
    if (problem === undefined) {
      print(`ok - ${index + 1} ${step.title} (${seconds} s)`);
    } else {
      failed += 1;
      print(`not ok - ${index + 1} ${step.title} (${seconds} s)`);
      print(problem.replaceAll(/^/gm, "    "));
    }
  }
  print(`${STEPS.length - failed} passed, ${failed} failed`);
  return failed === 0;
}

async function play(step: Step, stage: ReturnType<typeof openStage>): Promise<string | undefined> {
  try {
    await step.play(stage);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
