/**
 * Figures in the form of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). What is counted while it
 * happens comes through the meter; what is asked for is looked up when somebody asks. No address is in any of them.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";

import { after, type Clock, DAY, SECOND } from "../base/time.ts";
import { REASONS } from "../smtp/reason.ts";
import { countExpiring } from "../store/keys/certificates.ts";
import { queueFigures, pendingFigures } from "../store/mail/queue-figures.ts";
import type { Store } from "../store/store.ts";
import type { CryptoPool } from "./crypto-pool.ts";
import type { Meter } from "./meter.ts";
import type { HopState } from "./next-hop.ts";

/** The database is asked no more often, however many ask us. */
const FRESH_MS = 10 * SECOND;
/** Keys that end within so many days. */
const ENDING_DAYS = [3, 14, 30] as const;

/** What is looked at when somebody asks. */
export type Sources = {
  readonly store: Store;
  readonly clock: Clock;
  readonly testResolver: () => Promise<boolean>;
  readonly pool: Pick<CryptoPool, "figures">;
  readonly hops: () => Promise<readonly HopState[]>;
  readonly isDatabaseGood: () => Promise<boolean>;
  readonly certificateEnds: () => Date;
  /** Open connections by the mode of their listener. */
  readonly connections: () => Readonly<Record<string, number>>;
};

export type Metrics = {
  readonly meter: Meter;
  /** The whole page. Before it is called something must be watched. */
  readonly page: () => Promise<{ readonly type: string; readonly text: string }>;
  readonly watch: (sources: Sources) => void;
};

/** Figures of this process, and nothing global. */
export function openMetrics(monotonicMs: () => number = () => performance.now()): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let gather: (() => Promise<void>) | undefined;
  let gathering: Promise<void> | undefined;
  let gatheredMs = Number.NEGATIVE_INFINITY;
  return {
    meter: meterOn(registry),
    watch: (sources) => {
      gather = gatherer(registry, sources);
    },
    page: async () => {
      const now = monotonicMs();
      if (gathering === undefined || now - gatheredMs > FRESH_MS) {
        gatheredMs = now;
        gathering = gather?.() ?? Promise.resolve();
      }
      await gathering;
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}

function meterOn(registry: Registry): Meter {
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `sealpost_${name}`, help, labelNames, registers: [registry] });
  const lookUps = counter("lookups_total", "Recipients looked up, by state.", ["code"]);
  const submitted = counter("submitted_total", "Submitted messages, by decision.", [
    "outcome",
    "part",
  ]);
  const handedOn = counter("handed_on_total", "Recipients handed to the next hop.", ["outcome"]);
  const opened = counter("opened_total", "Sealed messages opened, by outcome.", ["outcome"]);
  const verdicts = counter("verdicts_total", "Verdicts on received mail.", ["state", "signature"]);
  const answers = counter("answers_total", "Messages, and what was refused before.", [
    "listener",
    "step",
    "reason",
  ]);
  for (const outcome of Object.values(OUTCOMES)) submitted.inc({ outcome, part: "full" }, 0);
  for (const outcome of ["opened", "failed"]) opened.inc({ outcome }, 0);
  for (const outcome of ["accepted", "refused", "deferred"]) handedOn.inc({ outcome }, 0);
  for (const reason of REASONS) answers.inc({ listener: "mx", step: "data", reason }, 0);
  return {
    lookedUp: (code) => {
      lookUps.inc({ code });
    },
    planned: (plan, part) => {
      submitted.inc({ outcome: OUTCOMES[plan], part });
    },
    handedOn: (outcome) => {
      handedOn.inc({ outcome });
    },
    opened: (state) => {
      opened.inc({ outcome: UNOPENED.has(state) ? "failed" : "opened" });
    },
    judged: (state, signature) => {
      verdicts.inc({ state, signature });
    },
    answered: (listener, step, reason) => {
      answers.inc({ listener, step, reason });
    },
  };
}

/** States of mail that was not opened. */
const UNOPENED: ReadonlySet<string> = new Set(["DAMAGED", "UNDECRYPTABLE", "LOCKED_OLD"]);

const OUTCOMES = {
  seal: "sealed",
  clear: "clear",
  later: "deferred",
  split: "split",
  refuse: "refused",
  conflict: "refused",
  pass: "passed",
} as const;

function gatherer(registry: Registry, sources: Sources): () => Promise<void> {
  const gauge = <Label extends string = never>(name: string, help: string, labelNames?: Label[]) =>
    new Gauge({
      name: `sealpost_${name}`,
      help,
      registers: [registry],
      ...(labelNames === undefined ? {} : { labelNames }),
    });
  const works = gauge("works", "1 while a part does its work.", ["part"]);
  const hopUp = gauge("next_hop_up", "1 while the next hop answers.", ["hop"]);
  const certificate = gauge("certificate_end_seconds", "Unix time of the certificate's end.");
  const connections = gauge("connections", "Open connections.", ["listener"]);
  const pool = gauge("crypto_pool", "Workers, and jobs that run or wait.", ["what"]);
  const waiting = gauge("queue_messages", "Messages that wait.", ["queue"]);
  const age = gauge("queue_oldest_seconds", "Age of the oldest that waits; 0 for none.", ["queue"]);
  const ending = gauge("keys_ending", "Active keys that end within so many days.", ["days"]);
  const gatherOwn = async (): Promise<void> => {
    works.set({ part: "resolver" }, Number(await sources.testResolver()));
    works.set({ part: "database" }, Number(await sources.isDatabaseGood()));
    hopUp.reset();
    for (const { hop, why } of await sources.hops()) hopUp.set({ hop }, Number(why === undefined));
    certificate.set(Math.floor(sources.certificateEnds().getTime() / SECOND));
    for (const [listener, count] of Object.entries(sources.connections())) {
      connections.set({ listener }, count);
    }
    for (const [what, count] of Object.entries(sources.pool.figures())) pool.set({ what }, count);
  };
  const gatherStored = async (): Promise<void> => {
    const { store, clock } = sources;
    const now = clock.now();
    for (const [queue, figures] of [
      ["pending", await pendingFigures(store)],
      ["outbox", await queueFigures(store, "outbox")],
      ["deferred", await queueFigures(store, "deferred")],
    ] as const) {
      waiting.set({ queue }, figures.count);
      const ageMs = figures.oldest === undefined ? 0 : now.getTime() - figures.oldest.getTime();
      age.set({ queue }, Math.max(0, Math.round(ageMs / SECOND)));
    }
    for (const days of ENDING_DAYS) {
      ending.set({ days }, await countExpiring(store, now, after(now, days * DAY)));
    }
  };
  return async () => {
    await gatherOwn();
    // While the database is away the other figures are there, and `sealpost_works` says so.
    await gatherStored().catch(() => {
      for (const figure of [waiting, age, ending]) figure.reset();
    });
  };
}
