/**
 * Gateways are killed (SIGKILL) while mail flows from alice to bob. A client that hears `250` never sends again, one that
 * does not sends again, as mail clients do. At the end every accepted message is in bob's mailbox, opened and judged, and
 * at most one more of it for each kill. In alice's Sent it is once.
 */
import assert from "node:assert/strict";
import { unlockWithService } from "../../src/vault/vault.ts";
import { allMail } from "../support/mailboxes.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startLab, type Lab } from "../../lab/lab.ts";
import { accountOf, providerOf } from "../../lab/world.ts";
import { openVault } from "../../src/app/open-vault.ts";
import { loadConfig } from "../../src/config/config.ts";
import { parseAddress } from "../../src/mail/address.ts";
import type { Engine } from "../../src/store/store.ts";
import { connectClient, type MailClient } from "../support/mail-client.ts";
import { seededRandom, type Random } from "../support/mutate.ts";
import { idAt } from "../support/accounts.ts";

export type KillReport = {
  readonly accepted: number;
  readonly kills: number;
  readonly duplicates: number;
};

/** How long nothing may go on: the proof fails then. Whatever goes on begins it again. */
const STALL_MS = 300_000;
/** Between two kills mail flows for up to so long. */
const FLOW_MS = 2000;

/** Kills one of the two gateways `kills` times, at moments drawn from `seed`. */
export async function proveKills(
  kills: number,
  engine: Engine = "sqlite",
  seed = 7,
): Promise<KillReport> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-kills-"));
  try {
    await using lab = await startLab({ dir, engine });
    let isKilling = true;
    const accepted: string[] = [];
    const sending = sendUntil(lab, () => !isKilling, accepted);
    await killGateways(lab, kills, seededRandom(seed), () => accepted.length);
    isKilling = false;
    await sending;
    const arrived = await arrivals(lab, accepted);
    const lost = accepted.filter((id) => !arrived.has(id));
    assert.deepEqual(lost, [], "accepted, and lost");
    const duplicates = [...arrived.values()].reduce((sum, count) => sum + count - 1, 0);
    assert(duplicates <= kills, `${String(duplicates)} duplicates after ${String(kills)} kills`);
    assert.equal(await sentCopies(lab), accepted.length, "one Sent copy of each");
    return { accepted: accepted.length, kills, duplicates };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Every other kill waits for mail to flow again; those between may hit a gateway that is still starting. */
async function killGateways(
  lab: Lab,
  kills: number,
  random: Random,
  accepted: () => number,
): Promise<void> {
  for (let count = 0; count < kills; count += 1) {
    if (count % 2 === 0) await untilMore(accepted);
    await sleep(random() * FLOW_MS);
    await lab.providers.get(random() < 0.5 ? "alpha.test" : "beta.test")?.crashGateway();
  }
}

async function untilMore(count: () => number): Promise<void> {
  const before = count();
  const deadline = performance.now() + STALL_MS;
  while (count() === before) {
    assert(performance.now() < deadline, "no mail is accepted any more");
    await sleep(20);
  }
}

/** Sends message after message, each until it is accepted; the Message-IDs of all that were go into `accepted`. */
async function sendUntil(lab: Lab, isOver: () => boolean, accepted: string[]): Promise<void> {
  let client: MailClient | undefined;
  for (let number = 0; !isOver() || number === 0; number += 1) {
    const id = `<${String(number)}@kills.test>`;
    const deadline = performance.now() + STALL_MS;
    for (;;) {
      assert(performance.now() < deadline, `${id} is not accepted`);
      try {
        client ??= await connect(lab);
        const { kind } = await client.send("bob@beta.test", messageWith(id));
        if (kind === "accepted") break;
      } catch {
        // The gateway is down: the connection ends and is made again.
      }
      client?.[Symbol.dispose]();
      client = undefined;
      await sleep(50);
    }
    accepted.push(id);
  }
  client?.[Symbol.dispose]();
}

async function connect({ world }: Lab): Promise<MailClient> {
  return connectClient({
    place: providerOf(world, "alpha.test").submission,
    serverName: "mail.alpha.test",
    ca: world.ca,
    account: accountOf(world, "alice@alpha.test"),
  });
}

function messageWith(id: string): Uint8Array {
  return Buffer.from(
    `From: alice@alpha.test\r\nTo: bob@beta.test\r\nMessage-ID: ${id}\r\nSubject: ${id}\r\n\r\n${id}\r\n`,
  );
}

/** How many messages are in alice's Sent. */
async function sentCopies({ world }: Lab): Promise<number> {
  const alice = parseAddress("alice@alpha.test");
  assert(alice !== undefined);
  await using vault = await openVault(await loadConfig(providerOf(world, "alpha.test").config));
  const rows = await vault.store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", await idAt(vault.store, alice))
    .where("folder", "=", "sent")
    .execute();
  return rows.length;
}

/** How often each message is in bob's mailbox, once all that must be there is there and was opened. */
async function arrivals(
  lab: Lab,
  accepted: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const bob = parseAddress("bob@beta.test");
  assert(bob !== undefined);
  await using vault = await openVault(await loadConfig(providerOf(lab.world, "beta.test").config));
  let deadline = performance.now() + STALL_MS;
  let before = 0;
  for (;;) {
    const account = await idAt(vault.store, bob);
    using keys = await unlockWithService(vault, account);
    const messages = await allMail(vault.store, account, keys?.all);
    const counts = new Map<string, number>();
    for (const { messageId = "" } of messages) {
      counts.set(messageId, (counts.get(messageId) ?? 0) + 1);
    }
    const isComplete = accepted.every((id) => counts.has(id));
    const opened = messages.filter(({ verdict }) => verdict.state === "CONFIDENTIAL").length;
    if (isComplete && opened === messages.length) return counts;
    if (messages.length + opened > before) deadline = performance.now() + STALL_MS;
    before = messages.length + opened;
    if (performance.now() > deadline) return counts;
    await sleep(100);
  }
}
