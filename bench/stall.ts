/**
 * `npm run bench -- stall`: a serving process under mail of 35 MB of every kind, two at a time, beside small mail. How long
 * its event loop is held at a time, database calls included; how long small mail takes; and the most memory it holds.
 * With `KINDS=sealed` only kinds with that in their name are sent.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startSink } from "../lab/sink.ts";
import { deliverTo, makeLoneServer } from "../test/support/lone-server.ts";
import { allKinds, type Kind, submit, type Target } from "./stall/load.ts";
import { FILE_VARIABLE, type Stalls } from "./stall/probe.ts";
import { type SmallMail, startSmallMail } from "./stall/small-mail.ts";

/** How long the event loop may be held. */
const BAR_MS = 50;
/** Maximum memory above that of the idle process. */
const BAR_MB = 300;
/** How many large messages are on their way at a time. */
const AT_ONCE = 2;

/** Prints the longest turns and the memory; false when a bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-stall-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const served = ends.use(await startServed(dir));
  await warmUp(served.target);
  // From now on the probe counts.
  await writeFile(served.stallsFile, "");
  const idleMb = await memoryMb(served.pid, "VmRSS");
  const wanted = process.env["KINDS"] ?? "";
  const kinds = (await allKinds(served.target)).filter(({ name }) => name.includes(wanted));
  if (kinds.length === 0) throw new Error(`KINDS=${wanted}: no kind has that in its name`);
  const small = startSmallMail(served.target.lmtp);
  for (const kind of kinds) await sendKind(served, kind);
  await sleep(3000);
  const took = await small();
  return report({ ...(await measured(served)), idleMb, took });
}

/** A serving process with the probe in it, and the sink behind it. */
type Served = AsyncDisposable & {
  readonly target: Target;
  readonly pid: number;
  readonly stallsFile: string;
};

async function startServed(dir: string): Promise<Served> {
  await using ends = new AsyncDisposableStack();
  const sink = ends.use(await startSink({ host: "127.0.0.1", dir: join(dir, "sink") }));
  const any = { host: "127.0.0.1", port: 0 };
  const server = await makeLoneServer(
    dir,
    { engine: "sqlite", path: join(dir, "sealpost.db") },
    {
      listen: { submission: any, lmtp: any, keyserver: any, metrics: any },
      relay: { host: sink.host, port: sink.port },
      limits: { pending_bytes: 2_000_000_000 },
    },
  );
  const stallsFile = join(dir, "stalls.json");
  const gateway = ends.use(
    await server.serve("gateway", {
      NODE_OPTIONS: `--import=${join(import.meta.dirname, "stall/probe.ts")}`,
      [FILE_VARIABLE]: stallsFile,
    }),
  );
  const started = ends.move();
  return {
    target: {
      lmtp: gateway.place("lmtp"),
      submission: gateway.place("submission"),
      ca: join(dir, "pki/ca.pem"),
      config: server.config,
      sink,
    },
    pid: gateway.process.pid,
    stallsFile,
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}

/** Afterwards all threads of the pool are there, as they are in a server that has been at work. */
async function warmUp(target: Target): Promise<void> {
  for (let at = 0; at < 5; at += 1) await deliverTo(target.lmtp, `<warm${String(at)}@stall.test>`);
  await Promise.all(Array.from({ length: 8 }, async () => submit(target, 100_000)));
}

/** Sends mail of one kind and prints a line. */
async function sendKind(served: Served, { name, rounds, send }: Kind): Promise<void> {
  const before = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(Array.from({ length: AT_ONCE }, send));
  }
  await sleep(300);
  const { worst, peakMb } = await measured(served);
  const eachMs = Math.round((performance.now() - before) / rounds);
  console.log(
    `${name.padEnd(45)} ${String(eachMs).padStart(6)} ms; worst so far ${String(Math.round(worst[0] ?? 0))} ms; peak ${String(peakMb)} MB`,
  );
}

type Measured = Stalls & { readonly peakMb: number };

async function measured({ pid, stallsFile }: Served): Promise<Measured> {
  return { ...(await readStalls(stallsFile)), peakMb: await memoryMb(pid, "VmHWM") };
}

/** Prints the result; false when a bar is missed. */
function report(o: Measured & { readonly idleMb: number; readonly took: SmallMail }): boolean {
  const { worst, turns, peakMb, idleMb, took } = o;
  const longest = worst.slice(0, 10).map((ms) => ms.toFixed(0));
  console.log(`idle ${String(idleMb)} MB, at most ${String(peakMb)} MB; ${String(turns)} turns`);
  console.log(`the longest turns, ms: ${longest.join(" ")}`);
  console.log(
    `small mail beside it: ${String(took.count)}, median ${took.medianMs.toFixed(0)} ms, slowest ${took.maxMs.toFixed(0)} ms, refused ${String(took.refused)}`,
  );
  const isHeld = (worst[0] ?? 0) <= BAR_MS && peakMb - idleMb <= BAR_MB;
  console.log(
    `bars: ${String(BAR_MS)} ms, ${String(BAR_MB)} MB above idle: ${isHeld ? "held" : "MISSED"}`,
  );
  return isHeld;
}

/** The probe writes the file again and again: a reading that meets it half written is repeated. */
async function readStalls(file: string): Promise<Stalls> {
  for (;;) {
    try {
      return JSON.parse(await readFile(file, "utf8")) as Stalls;
    } catch {
      await sleep(10);
    }
  }
}

async function memoryMb(pid: number, line: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, "utf8");
  return Math.round(Number(new RegExp(`${line}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
}
