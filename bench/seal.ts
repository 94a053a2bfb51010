/**
 * Signing and encrypting, decrypting and verifying, side by side with the gpg command line: rounds in turn, medians, ratios.
 * Absolute times vary with the machine; the ratios are what counts.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../src/base/time.ts";
import { parseAddress } from "../src/mail/address.ts";
import { armorMessage } from "../src/openpgp/armor.ts";
import { decrypt } from "../src/openpgp/decrypt.ts";
import { signAndEncrypt } from "../src/openpgp/encrypt.ts";
import { generateKey } from "../src/openpgp/generate.ts";
import { type UnlockedKey, readSecretKey } from "../src/openpgp/secret-key.ts";
import { verifySignature } from "../src/openpgp/verify.ts";

const KB = 1024;
const SIZES = [
  { name: "2 KB", octets: 2 * KB, rounds: 15 },
  { name: "20 KB", octets: 20 * KB, rounds: 15 },
  { name: "1 MB", octets: KB * KB, rounds: 9 },
  { name: "25 MB", octets: 25 * KB * KB, rounds: 3 },
];
/** Sealpost must be so many times as fast as gpg at 20 KB. */
const BAR = { size: "20 KB", ratio: 2 };

/** Prints a table; false when the bar is missed. */
export async function run(): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), "sealpost-bench-"));
  const gpg = gpgIn(home);
  try {
    const alice = await makeKey("alice@alpha.test", gpg);
    const bob = await makeKey("bob@beta.test", gpg);
    console.log(
      "v4 Curve25519, armored; median ms of Sealpost and of gpg, gpg divided by Sealpost",
    );
    let isFastEnough = true;
    for (const size of SIZES) {
      const ratios = await measure(size, { alice, bob, gpg, home });
      if (size.name === BAR.size) isFastEnough = ratios.every((ratio) => ratio >= BAR.ratio);
    }
    await printStalls(alice, bob);
    printMemory();
    const verdict = isFastEnough ? "held" : "MISSED";
    console.log(`bar: at ${BAR.size} at least ${BAR.ratio} times as fast as gpg: ${verdict}`);
    return isFastEnough;
  } finally {
    execFileSync("gpgconf", ["--homedir", home, "--kill", "all"]);
    rmSync(home, { recursive: true, force: true });
  }
}

type Gpg = (args: readonly string[], input?: Uint8Array) => Uint8Array;

function gpgIn(home: string): Gpg {
  const always = ["--homedir", home, "--batch", "--yes", "--quiet", "--no-tty"];
  const trust = ["--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""];
  return (args, input) =>
    execFileSync("gpg", [...always, ...trust, ...args], {
      input: input ?? new Uint8Array(),
      maxBuffer: 128 * KB * KB,
      stdio: ["pipe", "pipe", "ignore"],
    });
}

/** The same keys on both sides; gpg's copy has no passphrase, so that it need not derive a key from one. */
async function makeKey(text: string, gpg: Gpg): Promise<UnlockedKey> {
  const address = parseAddress(text);
  if (address === undefined) throw new Error("not an address");
  const { secretKey } = await generateKey({ address, profile: "compat", now: systemClock.now() });
  const key = await readSecretKey(secretKey);
  using raw = key.secretBytes();
  gpg(["--import"], raw.reveal());
  return key;
}

async function measure(
  size: (typeof SIZES)[number],
  o: { readonly alice: UnlockedKey; readonly bob: UnlockedKey; readonly gpg: Gpg; home: string },
): Promise<readonly number[]> {
  const data = randomBytes(size.octets);
  const files = { plain: join(o.home, "plain"), sealed: join(o.home, "sealed") };
  writeFileSync(files.plain, data);
  const times = { seal: [0], gpgSeal: [0], open: [0], gpgOpen: [0] };
  const names = ["--local-user", o.alice.fingerprint, "--recipient", o.bob.fingerprint];
  const sign = ["--armor", "--sign", "--encrypt", ...names, "--compress-algo", "none"];
  for (let round = -1; round < size.rounds; round += 1) {
    const message = await timed(times.seal, async () => seal(data, o.alice, o.bob));
    await timed(times.gpgSeal, () => o.gpg([...sign, "--output", files.sealed, files.plain]));
    await timed(times.open, async () => open(message, o.alice, o.bob, data.length));
    const sealed = readFileSync(files.sealed);
    await timed(times.gpgOpen, () => o.gpg(["--output", files.plain, "--decrypt", files.sealed]));
    await open(sealed, o.alice, o.bob, data.length);
    // The first round warms up.
    if (round === -1) for (const list of Object.values(times)) list.length = 0;
  }
  return [
    printRow(`${size.name} sign+encrypt`, times.seal, times.gpgSeal),
    printRow(`${size.name} decrypt+verify`, times.open, times.gpgOpen),
  ];
}

async function seal(data: Uint8Array, signer: UnlockedKey, reader: UnlockedKey) {
  const recipients = [reader.certificate];
  const intended = [reader.fingerprint];
  const now = systemClock.now();
  return armorMessage(await signAndEncrypt({ data, signer, recipients, intended, now }));
}

async function open(
  message: Uint8Array,
  signer: UnlockedKey,
  reader: UnlockedKey,
  octets: number,
): Promise<void> {
  const opened = await decrypt({ message, keys: [reader] });
  const signature = opened.kind === "decrypted" ? opened.signatures[0] : undefined;
  if (opened.kind !== "decrypted" || signature === undefined) throw new Error(opened.kind);
  const { certificate } = signer;
  const check = await verifySignature({ data: opened.data, signature, certificate });
  if (check.kind !== "valid" || opened.data.length !== octets) throw new Error("not the same");
}

async function timed<Value>(times: number[], act: () => Value | Promise<Value>): Promise<Value> {
  const start = performance.now();
  const value = await act();
  times.push(performance.now() - start);
  return value;
}

function printRow(name: string, own: readonly number[], gpg: readonly number[]): number {
  const ratio = median(gpg) / median(own);
  const cells = [median(own).toFixed(2), median(gpg).toFixed(2), `${ratio.toFixed(1)}x`];
  console.log(name.padEnd(24) + cells.map((cell) => cell.padStart(10)).join(""));
  return ratio;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** The longest time in which nothing else could run. */
async function printStalls(alice: UnlockedKey, bob: UnlockedKey): Promise<void> {
  const data = randomBytes(25 * KB * KB);
  let message: Uint8Array = new Uint8Array();
  const sealing = await stallOf(async () => {
    const recipients = [bob.certificate];
    const now = systemClock.now();
    message = await signAndEncrypt({ data, signer: alice, recipients, intended: [], now });
  });
  const opening = await stallOf(async () => open(message, alice, bob, data.length));
  const armoring = await stallOf(async () => {
    await Promise.resolve(armorMessage(message));
  });
  console.log(
    `event loop held at 25 MB, binary: ${sealing} ms sealing, ${opening} ms opening; ${armoring} ms armor`,
  );
}

async function stallOf(act: () => Promise<void>): Promise<string> {
  let [longest, last, isOn] = [0, performance.now(), true];
  const tick = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (isOn) setImmediate(tick);
  };
  setImmediate(tick);
  await act();
  isOn = false;
  await new Promise(setImmediate);
  return Math.max(longest, performance.now() - last).toFixed(1);
}

function printMemory(): void {
  const peak = process.resourceUsage().maxRSS / KB;
  console.log(`peak memory of this process: ${peak.toFixed(0)} MB`);
}
