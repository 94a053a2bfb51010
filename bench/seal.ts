/**
 * Sealing and opening by the gateway's own path, beside Node's primitives alone, OpenPGP.js and the programs of others.
 * All take turns in one run, by their processor time. Absolute times vary with the machine; the ratios are what counts.
 * `SIZES="20 KB"` measures some of the sizes, `KINDS="curves 1"` some of the kinds of keys, `ROUNDS=2` at most so many rounds.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { generateKey } from "openpgp";

import { type CryptoPool, startCryptoPool } from "../src/app/crypto-pool.ts";
import { Secret } from "../src/base/secret.ts";
import { after, MINUTE, systemClock } from "../src/base/time.ts";
import { generationConfig } from "../src/openpgp/certificates/profile.ts";
import { readSecretKey, type UnlockedKey } from "../src/openpgp/keys/secret-key.ts";
import { median } from "./figures/quantile.ts";
import { ALICE, BOB, libraryLanes, primitiveLanes, sealpostLanes } from "./seal/here.ts";
import type { Kind, Lane, Pair } from "./seal/lane.ts";
import { endPrograms, programLanes, programsHere } from "./seal/programs.ts";

const KB = 1024;
/** `times` of what runs here, `runs` of a program, in each round. */
const SIZES = [
  { name: "2 KB", octets: 2 * KB, rounds: 5, times: 150, runs: 5 },
  { name: "20 KB", octets: 20 * KB, rounds: 7, times: 200, runs: 5 },
  { name: "1 MB", octets: KB * KB, rounds: 5, times: 8, runs: 2 },
  { name: "25 MB", octets: 25 * KB * KB, rounds: 2, times: 1, runs: 1 },
];
type Size = (typeof SIZES)[number];
/** At 20 KB, with keys on curves: maximum of Sealpost by the primitives, and minimum of gpg by Sealpost. */
const BARS = { size: "20 KB", kind: "curves 1", seal: 3, open: 4, gpg: 10 };

/** Prints a table; false when a bar is missed. */
export async function run(): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), "sealpost-bench-"));
  const { missing } = programsHere();
  if (missing.length > 0) console.log(`not installed: ${missing.join(", ")}`);
  console.log("median ms of processor time; in brackets, divided by that of the primitives");
  try {
    await using pool = startCryptoPool({ workers: 1 });
    const verdicts: boolean[] = [];
    for (const kind of await kinds()) {
      for (const size of chosenSizes()) {
        const ratios = await measure(pool, { kind, size, dir });
        if (size.name === BARS.size && kind.name === BARS.kind) verdicts.push(...judged(ratios));
      }
      endPrograms(kind, dir);
    }
    return verdicts.every(Boolean);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function chosenSizes(): readonly Size[] {
  const chosen = process.env["SIZES"]?.split(",");
  return SIZES.filter(({ name }) => chosen?.includes(name) ?? true);
}

async function kinds(): Promise<readonly Kind[]> {
  const made: Kind[] = [];
  for (const isRsa of [false, true]) {
    for (const container of [1, 2] as const) {
      const name = `${isRsa ? "RSA-3072" : "curves"} ${String(container)}`;
      if (process.env["KINDS"]?.split(",").includes(name) === false) continue;
      const pair = [ALICE, BOB].map(async (address) => makeKey(address, isRsa, container));
      const [alice, bob] = await Promise.all(pair);
      if (alice === undefined || bob === undefined) throw new Error("two keys");
      made.push({ name, isRsa, container, alice, bob });
    }
  }
  return made;
}

async function makeKey(address: string, isRsa: boolean, container: 1 | 2): Promise<UnlockedKey> {
  const isV2 = container === 2;
  const { privateKey } = await generateKey({
    userIDs: { name: address },
    ...(isRsa
      ? { type: "rsa" as const, rsaBits: 3072 }
      : isV2
        ? { type: "curve25519" as const }
        : { type: "ecc" as const, curve: "curve25519Legacy" as const }),
    date: after(systemClock.now(), -MINUTE),
    format: "object",
    config: generationConfig(isV2 ? "modern" : "compat"),
  });
  using raw = new Secret(privateKey.write());
  return readSecretKey(raw);
}

type Ratios = { readonly seal: Medians; readonly open: Medians };
type Medians = ReadonlyMap<string, number>;

async function measure(
  pool: CryptoPool,
  o: { readonly kind: Kind; readonly size: Size; readonly dir: string },
): Promise<Ratios> {
  const { kind, size, dir } = o;
  const message = messageOf(size.octets);
  const pairs: Pair[] = [
    await sealpostLanes(pool, kind, message),
    primitiveLanes(kind, message),
    await libraryLanes(kind, message),
  ];
  if (kind.container === 1) {
    for (const program of programsHere().here) {
      pairs.push(programLanes(program, kind, dir, message));
    }
  }
  const medians = {
    seal: await medianOf(
      pairs.map((pair) => pair.seal),
      size,
    ),
    open: await medianOf(
      pairs.map((pair) => pair.open),
      size,
    ),
  };
  for (const what of ["seal", "open"] as const) {
    const base = medians[what].get("primitives") ?? 0;
    const cells = [...medians[what]].map(
      ([name, ms]) => `${name} ${ms.toFixed(2)} (${(ms / base).toFixed(1)})`,
    );
    console.log(`${kind.name}, ${size.name}, ${what}: ${cells.join("  ")}`);
  }
  return medians;
}

/**
 * V8 compiles what runs often: for thousands of messages a thread gets faster, and a gateway runs for days. Of large ones a few
 * are enough.
 */
const WARM_UP = { small: 12, large: 3 };
const LARGE_OCTETS = 10 * KB * KB;

/** All take turns, round by round; the first round warms up. What takes a second is done once a round. */
async function medianOf(lanes: readonly Lane[], size: Size): Promise<Medians> {
  const taken = new Map<string, number[]>(lanes.map(({ name }) => [name, []]));
  const slow = new Set<string>();
  const warmUp = size.octets > LARGE_OCTETS ? WARM_UP.large : WARM_UP.small;
  const rounds = Math.min(size.rounds, Number(process.env["ROUNDS"] ?? size.rounds));
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, measure: take } of lanes) {
      const isHere = ["Sealpost", "primitives", "OpenPGP.js"].includes(name);
      const times = isHere ? size.times * (round === 0 ? warmUp : 1) : size.runs;
      const ms = await take(slow.has(name) ? 1 : times);
      if (ms > SLOW_MS) slow.add(name);
      if (round > 0) taken.get(name)?.push(ms);
    }
  }
  return new Map([...taken].map(([name, all]) => [name, median(all)]));
}

const SLOW_MS = 100;

/** A text that no compression makes smaller, in lines as mail has them. */
function messageOf(octets: number): Uint8Array {
  const head = [
    `From: Alice <${ALICE}>`,
    `To: Bob <${BOB}>`,
    "Subject: Figures of the quarter",
    `Date: ${systemClock.now().toUTCString()}`,
    "Message-ID: <1@alpha.test>",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "",
  ].join("\r\n");
  const text = randomBytes(octets).toString("base64").replaceAll(/.{72}/g, "$&\r\n");
  const body = text.slice(0, octets - head.length - 2).trimEnd();
  return Buffer.from(`${head}${body}\r\n`, "latin1");
}

function judged({ seal, open }: Ratios): readonly boolean[] {
  const by = (medians: Medians, name: string, other: string) =>
    (medians.get(name) ?? 0) / (medians.get(other) ?? 0);
  const bars: readonly (readonly [string, boolean])[] = [
    [
      `seal at most ${String(BARS.seal)} times the primitives`,
      by(seal, "Sealpost", "primitives") <= BARS.seal,
    ],
    [
      `open at most ${String(BARS.open)} times the primitives`,
      by(open, "Sealpost", "primitives") <= BARS.open,
    ],
    [`seal at most 1/${String(BARS.gpg)} of gpg`, by(seal, "gpg", "Sealpost") >= BARS.gpg],
    [`open at most 1/${String(BARS.gpg)} of gpg`, by(open, "gpg", "Sealpost") >= BARS.gpg],
  ];
  for (const [what, isHeld] of bars) {
    console.log(`bar, ${BARS.size}: ${what}: ${isHeld ? "held" : "MISSED"}`);
  }
  return bars.map(([, isHeld]) => isHeld);
}
