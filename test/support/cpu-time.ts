/** Processor time: unlike a clock it does not run on while other programs of a busy machine have the processor. */
import assert from "node:assert/strict";

/** @returns the milliseconds of processor time, of all threads of this process, since it was called. */
export function cpuStopwatch(): () => number {
  const start = process.cpuUsage();
  return () => inMs(process.cpuUsage(start));
}

/** As {@link cpuStopwatch}, but of this thread alone: what its event loop had to wait for. */
export function threadStopwatch(): () => number {
  const start = process.threadCpuUsage();
  return () => inMs(process.threadCpuUsage(start));
}

/** What `work` gives; fails when it takes `limitMs` of processor time or more. */
export async function within<Value>(
  limitMs: number,
  work: () => Promise<Value> | Value,
): Promise<Value> {
  const elapsed = cpuStopwatch();
  const value = await work();
  const tookMs = elapsed();
  assert(tookMs < limitMs, `it took ${tookMs.toFixed(0)} ms`);
  return value;
}

function inMs({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}
