/**
 * `npm run bench -- memory`: one message of 25 MB from alice to bob through two gateways, and the most memory that each
 * gateway process ever held (VmHWM). Fails above 600 MB.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startLab, type Lab } from "../lab/lab.ts";
import { accountOf, providerOf } from "../lab/world.ts";
import { openVault } from "../src/app/open-vault.ts";
import { loadConfig } from "../src/config/config.ts";
import { parseAddress } from "../src/mail/address.ts";
import { allMail } from "../test/support/mailboxes.ts";
import { connectClient } from "../test/support/mail-client.ts";
import { idAt } from "../test/support/accounts.ts";

const MESSAGE_BYTES = 25_000_000;
const LIMIT_MB = 600;
const ARRIVAL_MS = 60_000;

/** True when every gateway stayed below the limit. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-bench-"));
  try {
    await using lab = await startLab({ dir, engine: "sqlite" });
    const idle = await peaks(lab);
    const { submitMs, openMs } = await sendLarge(lab);
    console.log(`25 MB from alice to bob: submitted in ${submitMs} ms, opened ${openMs} ms later`);
    let isBelow = true;
    for (const [domain, peak] of await peaks(lab)) {
      console.log(`${domain} gateway: peak ${peak} MB (${idle.get(domain) ?? 0} MB before)`);
      isBelow &&= peak < LIMIT_MB;
    }
    console.log(`${isBelow ? "below" : "NOT below"} ${LIMIT_MB} MB`);
    return isBelow;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function peaks(lab: Lab): Promise<ReadonlyMap<string, number>> {
  const entries = [...lab.providers].map(async ([domain, { gatewayPid }]) => {
    const status = await readFile(`/proc/${String(gatewayPid)}/status`, "utf8");
    return [domain, Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024)] as const;
  });
  return new Map(await Promise.all(entries));
}

async function sendLarge({ world }: Lab): Promise<{ submitMs: string; openMs: string }> {
  const bob = parseAddress("bob@beta.test");
  if (bob === undefined) throw new Error("no address");
  using client = await connectClient({
    place: providerOf(world, "alpha.test").submission,
    serverName: "mail.alpha.test",
    ca: world.ca,
    account: accountOf(world, "alice@alpha.test"),
  });
  await using vault = await openVault(await loadConfig(providerOf(world, "beta.test").config));
  const start = performance.now();
  const sent = await client.send("bob@beta.test", largeMessage());
  if (sent.kind === "refused") throw new Error(sent.reply);
  const submitted = performance.now();
  for (;;) {
    const [message] = await allMail(vault.store, await idAt(vault.store, bob));
    if (message?.verdict.state === "CONFIDENTIAL") break;
    if (performance.now() - submitted > ARRIVAL_MS) throw new Error("it did not arrive");
    await sleep(20);
  }
  const opened = performance.now();
  return { submitMs: (submitted - start).toFixed(0), openMs: (opened - submitted).toFixed(0) };
}

function largeMessage(): Uint8Array {
  const line = 76;
  const attachment = randomBytes(Math.floor((MESSAGE_BYTES * line) / (line + 2) / 4) * 3)
    .toString("base64")
    .replaceAll(/.{76}/g, "$&\r\n");
  return Buffer.from(
    [
      "From: alice@alpha.test",
      "To: bob@beta.test",
      "Subject: large",
      "MIME-Version: 1.0",
      'Content-Type: application/octet-stream; name="large.bin"',
      "Content-Transfer-Encoding: base64",
      "",
      attachment,
      "",
    ].join("\r\n"),
  );
}
