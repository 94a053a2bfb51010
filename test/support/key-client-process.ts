/**
 * Clients in a process of their own that rotate, revoke and look up at once, for as long as they are told: `fork` it with
 * JSON; it says "ready", begins at the first message and answers with what every client saw when.
 */
import { Agent, request } from "node:https";
import { setImmediate } from "node:timers/promises";
import { systemClock } from "../../src/base/time.ts";
import { openServiceKeys } from "../../src/app/service-key-file.ts";
import { openWithService, type MasterKey } from "../../src/vault/master-key.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import type { VaultDeps } from "../../src/vault/vault.ts";
import { parseAddress, type EmailAddress } from "../../src/mail/address.ts";
import { findPublished, listPublished } from "../../src/store/keys/certificates.ts";
import type { StoreOptions } from "../../src/store/store.ts";
import { openTestStore } from "./tag-keys.ts";
import { seededRandom, type Random } from "./mutate.ts";
import { idOf } from "./accounts.ts";

export type KeyClientOrder = {
  readonly database: StoreOptions;
  readonly keyFile: string;
  readonly clients: number;
  readonly seed: number;
  readonly runMs: number;
  readonly addresses: readonly KeyClientAddress[];
  readonly keyserver: { readonly host: string; readonly port: number; readonly ca: string };
};

export type KeyClientAddress = { readonly address: string; readonly isRevocable: boolean };

/** What a client did; microseconds of the machine's monotonic clock, which all processes share. */
export type KeyClientSight = {
  readonly did: "rotate" | "revoke" | "find" | "list" | "fetch";
  readonly address: string;
  readonly began: number;
  readonly ended: number;
  /** What was made, ended or found: none, or more than one where a look-up finds several. */
  readonly fingerprints: readonly string[];
};

type Known = { readonly address: EmailAddress; readonly masterKey: MasterKey } & {
  readonly text: string;
  readonly isRevocable: boolean;
};

const order = JSON.parse(process.argv[2] ?? "") as KeyClientOrder;
await using store = await openTestStore(order.database);
using serviceKeys = openServiceKeys(order.keyFile);
using agent = agentOf();
const deps: VaultDeps = { store, serviceKeys, clock: systemClock };
const known = await Promise.all(order.addresses.map(open));

const go = new Promise((resolve) => process.once("message", resolve));
process.send?.("ready");
await go;
const until = performance.now() + order.runMs;
const sights: KeyClientSight[] = [];
const clients = Array.from({ length: order.clients }, (_, at) => seededRandom(order.seed + at));
await Promise.all(clients.map(work));
await new Promise<void>((resolve) => process.send?.(sights, () => resolve()));
for (const { masterKey } of known) masterKey[Symbol.dispose]();
process.disconnect();

async function open({ address: text, isRevocable }: KeyClientAddress): Promise<Known> {
  const address = parseAddress(text);
  if (address === undefined) throw new Error("no address");
  const masterKey = await openWithService(deps, idOf(address));
  if (masterKey === undefined) throw new Error(`the keys of ${text} do not open`);
  return { address, masterKey, text, isRevocable };
}

async function work(random: Random): Promise<void> {
  while (performance.now() < until) {
    const one = known[Math.floor(random() * known.length)];
    if (one === undefined) return;
    const did = choose(random(), one.isRevocable);
    const began = microseconds();
    const fingerprints = await act(did, one);
    const ended = microseconds();
    // SQLite answers at once: without this nobody but the database would ever be heard.
    await setImmediate();
    if (fingerprints !== undefined) {
      sights.push({ did, address: one.text, began, ended, fingerprints });
    }
  }
}

function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function choose(dice: number, isRevocable: boolean): KeyClientSight["did"] {
  if (dice < 0.2) return "rotate";
  if (dice < 0.3) return isRevocable ? "revoke" : "rotate";
  if (dice < 0.55) return "find";
  return dice < 0.8 ? "list" : "fetch";
}

/** Undefined: somebody else had revoked it already. */
async function act(
  did: KeyClientSight["did"],
  { address, masterKey, text }: Known,
): Promise<readonly string[] | undefined> {
  const why = { owner: idOf(address), address, masterKey, text: "" } as const;
  switch (did) {
    case "rotate": {
      const rules = { profile: "compat" } as const;
      const made = await rotateKey(deps, rules, masterKey, { ...why, reason: "superseded" });
      return [made.fingerprint];
    }
    case "revoke":
      try {
        return [(await revokeKey(deps, { ...why, reason: "retired" })).fingerprint];
      } catch (error) {
        if (error instanceof Error && error.message.includes("no active key")) return undefined;
        throw error;
      }
    case "find": {
      const found = await findPublished(store, address);
      return found === undefined ? [] : [found.fingerprint];
    }
    case "list": {
      const rows = await listPublished(store, address);
      return rows.filter(({ state }) => state === "active").map(({ fingerprint }) => fingerprint);
    }
    case "fetch":
      return fetched(text);
  }
}

/** By the machine-readable index, as clients do before they fetch. */
async function fetched(address: string): Promise<readonly string[]> {
  const { host, port, ca } = order.keyserver;
  const path = `/pks/lookup?op=index&options=mr&search=${encodeURIComponent(address)}`;
  const servername = "keys.alpha.test";
  const { status, body } = await new Promise<{ status: number | undefined; body: string }>(
    (resolve, reject) => {
      const asked = request({ host, port, ca, path, servername, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("end", () => {
          resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
        });
        response.once("error", reject);
      });
      asked.once("error", reject);
      asked.end();
    },
  );
  if (status !== 200 && status !== 404) throw new Error(`the keyserver answered ${String(status)}`);
  return [...body.matchAll(/^pub:([0-9A-F]{40}):/gim)].map(([, found = ""]) => found.toUpperCase());
}

function agentOf(): Agent & Disposable {
  const made = new Agent({ keepAlive: true, maxSockets: 10 });
  return Object.assign(made, {
    [Symbol.dispose]: () => {
      made.destroy();
    },
  });
}
