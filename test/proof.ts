/** `npm run proof -- NAME…|all`: what the tests show in small, at full size; without a name it lists what there is. It takes minutes to hours; `mailbox` and `drafts` a quarter of an hour each, on two cores. */
import { errorText } from "../src/base/errors.ts";
import { SECOND } from "../src/base/time.ts";
import { chosen, WRONG_USAGE } from "./support/chosen.ts";
import { proveBlobs } from "./proofs/blobs.ts";
import { proveDatabaseRestarts } from "./proofs/database-restarts.ts";
import { proveDeferral } from "./proofs/deferral.ts";
import { proveDrafts } from "./proofs/drafts.ts";
import { expectCertain, proveEarlyAdopters } from "./proofs/early-adopters.ts";
import { LAYOUTS, proveForeignReaders } from "./proofs/foreign-readers.ts";
import { proveFullDisk } from "./proofs/full-disk.ts";
import { proveKills } from "./proofs/kills.ts";
import { proveKeyEvents } from "./proofs/key-events.ts";
import { proveMutants } from "./mutants/mutants.ts";
import { proveMailbox } from "./proofs/mailbox.ts";
import { proveMutations } from "./proofs/mutations.ts";
import { proveVerdicts } from "./proofs/verdicts.ts";

type Proof = {
  readonly what: string;
  /** Throws when it fails; else says in a line what came out. */
  readonly run: () => Promise<string>;
};

const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);

const PROOFS: Readonly<Record<string, Proof>> = {
  kills: {
    what: "no accepted mail is lost when gateways are killed two hundred times",
    run: async () => {
      const lines: string[] = [];
      for (const engine of ["sqlite", "postgres"] as const) {
        const { accepted, kills, duplicates } = await proveKills(200, engine);
        lines.push(
          `${engine}: ${accepted} accepted, ${kills} kills, none lost, ${duplicates} twice`,
        );
      }
      return lines.join("\n");
    },
  },
  deferral: {
    what: "no deferred mail is lost or leaves in clear when gateways that share it are killed two hundred times",
    run: async () => {
      const lines: string[] = [];
      for (const engine of ["sqlite", "postgres"] as const) {
        const { accepted, kills, duplicates } = await proveDeferral(200, engine);
        lines.push(
          `${engine}: ${accepted} accepted, ${kills} kills, none lost, ${duplicates} twice`,
        );
      }
      return lines.join("\n");
    },
  },
  "early-adopters": {
    what: "two providers whose users are hardly known to each other exchange mail for an hour, and no look-up is UNSURE",
    run: async () => {
      const lines: string[] = [];
      for (const [who, isPeer, perMinute] of [
        ["strangers", false, 60],
        ["peers", true, 300],
      ] as const) {
        const codes = await proveEarlyAdopters({ perMinute, isPeer });
        expectCertain(codes, { perMinute, isPeer });
        lines.push(`${who}: ${[...codes].map(([code, count]) => `${code} ${count}`).join(", ")}`);
      }
      return lines.join("\n");
    },
  },
  "key-events": {
    what: "killed after any step of any event in the life of keys, one working state is left",
    run: async () => {
      const lines: string[] = [];
      for (const engine of ["sqlite", "postgres"] as const) {
        const reports = await proveKeyEvents(engine);
        for (const { event, kills, before, after } of reports) {
          lines.push(`${engine} ${event}: ${kills} kills, ${before} before, ${after} after`);
        }
        lines.push(`${engine}: ${sum(reports.map(({ kills }) => kills))} kills in all`);
      }
      return lines.join("\n");
    },
  },
  blobs: {
    what: "killed after any step of a put, a deletion or a sweep of bodies in a folder, every row has its octets",
    run: async () => {
      const lines: string[] = [];
      for (const engine of ["sqlite", "postgres"] as const) {
        const reports = await proveBlobs(engine);
        for (const { event, kills } of reports) lines.push(`${engine} ${event}: ${kills} kills`);
        lines.push(`${engine}: ${sum(reports.map(({ kills }) => kills))} kills in all`);
      }
      return lines.join("\n");
    },
  },
  mailbox: {
    what: "killed after any step of what happens to a mailbox, nothing is lost or there twice, and the index is right",
    run: async () => {
      const lines: string[] = [];
      for (const engine of ["sqlite", "postgres"] as const) {
        for (const bodies of ["database", "folder"] as const) {
          const at = `${engine}, bodies in the ${bodies}`;
          const reports = await proveMailbox(engine, bodies);
          for (const { event, kills } of reports) lines.push(`${at}, ${event}: ${kills} kills`);
          lines.push(`${at}: ${sum(reports.map(({ kills }) => kills))} kills in all`);
        }
      }
      return lines.join("\n");
    },
  },
  drafts: {
    what: "killed after any step of a change of a draft, it is as it was before, or after",
    run: async () => {
      const lines: string[] = [];
      for (const engine of ["sqlite", "postgres"] as const) {
        for (const bodies of ["database", "folder"] as const) {
          for (const { event, kills, before, after } of await proveDrafts(engine, bodies)) {
            const left = `${before} before, ${after} after`;
            lines.push(`${engine}, ${bodies}, ${event}: ${kills} kills, ${left}`);
          }
        }
      }
      return lines.join("\n");
    },
  },
  "foreign-readers": {
    what: "no accepted mail is lost when others open the SQLite file and Sealpost is killed, fifty times a layout",
    run: async () => {
      const lines: string[] = [];
      for (const layout of LAYOUTS) {
        const { rounds, accepted } = await proveForeignReaders(layout, 50);
        lines.push(`${layout}: ${rounds} rounds, ${accepted} accepted, none lost`);
      }
      return lines.join("\n");
    },
  },
  "database-restarts": {
    what: "no process ends and no accepted mail is lost when PostgreSQL is restarted under load ten times",
    run: async () => {
      const { restarts, accepted, refused } = await proveDatabaseRestarts(10);
      return `${restarts} restarts, ${accepted} accepted, none lost, ${refused} answered 451`;
    },
  },
  "full-disk": {
    what: "on a full disk nothing is accepted, the cause is named, and all goes on once there is room (as root)",
    run: async () => {
      await proveFullDisk();
      return "451 meanwhile, exit code 75, 250 afterwards";
    },
  },
  mutations: {
    what: "a million broken inputs crash nothing, block nothing for a second and fool nobody",
    run: async () => `the slowest took ${(await proveMutations(1_000_000)).toFixed(1)} ms`,
  },
  mutants: {
    what: "of a thousand small faults in what decides verdicts and clear text, tests notice 95 %",
    run: async () => {
      const scores = await proveMutants();
      const lines = scores.map(
        ({ file, made, killed, explained }) =>
          `${file}: ${killed} of ${made}, ${explained} of the others explained`,
      );
      const unexplained = scores.flatMap((score) => score.unexplained);
      const [made, killed] = [scores.map((one) => one.made), scores.map((one) => one.killed)].map(
        sum,
      );
      const share = (killed ?? 0) / (made ?? 1);
      const said = [...lines, `${(100 * share).toFixed(1)} % of ${made ?? 0}`, ...unexplained].join(
        "\n",
      );
      if (share < 0.95 || unexplained.length > 0) throw new Error(said);
      return said;
    },
  },
  verdicts: {
    what: "no changed message gets a better state, and what a good state shows is what was signed",
    run: async () => {
      const counts = await proveVerdicts({ mutations: 100_000, headers: 20_000 });
      return [...counts].map(([state, count]) => `${state}: ${count}`).join("\n");
    },
  },
};

process.exitCode = await prove(process.argv.slice(2));

async function prove(given: readonly string[]): Promise<number> {
  const names = chosen("npm run proof", PROOFS, given, (line) => {
    console.log(line);
  });
  if (names === undefined) return WRONG_USAGE;
  const wanted = Object.entries(PROOFS).filter(([name]) => names.includes(name));
  let failed = 0;
  for (const [name, proof] of wanted) {
    const start = performance.now();
    const outcome = await attempt(proof);
    if (!outcome.isGood) failed += 1;
    const seconds = ((performance.now() - start) / SECOND).toFixed(0);
    console.log(`${outcome.isGood ? "ok" : "not ok"} - ${name}: ${proof.what} (${seconds} s)`);
    console.log(outcome.text.replaceAll(/^/gm, "    "));
  }
  console.log(`${wanted.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function attempt(proof: Proof): Promise<{ readonly isGood: boolean; readonly text: string }> {
  try {
    return { isGood: true, text: await proof.run() };
  } catch (error) {
    return { isGood: false, text: error instanceof Error ? (error.stack ?? "") : errorText(error) };
  }
}
