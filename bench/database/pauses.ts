/** How long the event loop of this thread is held at a time. */

const BEAT_MS = 1;

export type Longest = {
  /** By the clock, which a busy machine holds up too. */
  readonly wallMs: number;
  /** In processor time of this thread. */
  readonly cpuMs: number;
};

/** The longest turn while the work goes on. */
export async function longestTurn(work: () => Promise<unknown>): Promise<Longest> {
  let [wallMs, cpuMs] = [0, 0];
  let last = now();
  const beat = (): void => {
    const at = now();
    wallMs = Math.max(wallMs, at.wall - last.wall - BEAT_MS);
    cpuMs = Math.max(cpuMs, at.cpu - last.cpu);
    last = at;
  };
  const timer = setInterval(beat, BEAT_MS);
  try {
    await work();
  } finally {
    beat();
    clearInterval(timer);
  }
  return { wallMs, cpuMs };
}

function now(): { readonly wall: number; readonly cpu: number } {
  const { user, system } = process.threadCpuUsage();
  return { wall: performance.now(), cpu: (user + system) / 1000 };
}
