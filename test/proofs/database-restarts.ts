/**
 * PostgreSQL is restarted while mail is accepted and the keyserver is asked. No process of Sealpost ends; while the
 * server is away mail is answered 451 and `/readyz` says why; afterwards everything works without help, and what was
 * answered 250 is there.
 */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres, type Postgres } from "../../lab/postgres.ts";
import type { Place } from "../../lab/world.ts";
import { MINUTE } from "../../src/base/time.ts";
import { openStore } from "../../src/store/store.ts";
import {
  deliverTo,
  makeLoneServer,
  READER,
  readersTags,
  type LoneServer,
  readiness,
  type Serving,
} from "../support/lone-server.ts";

export type RestartsReport = {
  readonly restarts: number;
  readonly accepted: number;
  readonly refused: number;
};

const SENDERS = 4;
/** So much goes on between what is done to the server. */
const ENOUGH = 10;
/** How long nothing may be accepted: the test fails then. What goes on ends it at once. */
const STALL_MS = 3 * MINUTE;

/** Restarts the server so many times, by turns `fast` and `immediate`. */
export async function proveDatabaseRestarts(restarts: number): Promise<RestartsReport> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-restarts-"));
  try {
    await using server = await startPostgres();
    const url = await server.newDatabase();
    const lone = await makeLoneServer(dir, { engine: "postgres", url });
    await using gateway = await lone.serve("gateway");
    await using keyserver = await lone.serve("keyserver");
    const load = new Load(gateway.place("lmtp"), keyserver.place("https"));
    for (let count = 0; count < restarts; count += 1) {
      await restart(server, count % 2 === 0 ? "fast" : "immediate", load, gateway);
      for (const { process } of [gateway, keyserver]) {
        assert(process.isRunning, `${process.name} ended: ${process.ending ?? ""}`);
      }
    }
    await load.end();
    const lost = await missing(lone, url, load.accepted);
    assert.deepEqual(lost, [], "accepted, and lost");
    return { restarts, accepted: load.accepted.length, refused: load.refused };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function restart(
  server: Postgres,
  how: "fast" | "immediate",
  load: Load,
  gateway: Serving,
): Promise<void> {
  await load.untilMore(() => load.accepted.length);
  await server.stop(how);
  const { status, text } = await readiness(gateway.place("metrics"));
  assert.equal(status, 503);
  assert.match(
    text,
    /the database server does not answer, or ended the connection|is not there: start PostgreSQL/,
  );
  await load.untilMore(() => load.refused);
  await server.start();
  await load.untilMore(() => load.accepted.length);
  await load.untilMore(() => load.found);
}

/** Mail and questions, as fast as they are answered. */
class Load {
  readonly accepted: string[] = [];
  refused = 0;
  found = 0;
  #isOver = false;
  readonly #progress = new EventEmitter();
  readonly #running: Promise<unknown>;
  readonly #failed: Promise<never>;

  constructor(lmtp: Place, keys: Place) {
    const senders = Array.from({ length: SENDERS }, async (_, at) => this.#send(lmtp, at));
    this.#running = Promise.all([...senders, this.#ask(keys)]);
    this.#failed = new Promise((_, reject) => {
      this.#running.catch(reject);
    });
    this.#failed.catch(() => undefined);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async untilMore(count: () => number): Promise<void> {
    const before = count();
    const stalled = AbortSignal.timeout(STALL_MS);
    while (count() < before + ENOUGH) {
      const more = once(this.#progress, "more", { signal: stalled });
      await Promise.race([more, this.#failed]);
    }
  }

  async #send(lmtp: Place, sender: number): Promise<void> {
    for (let number = 0; !this.#isOver; number += 1) {
      const id = `${String(sender)}.${String(number)}@restarts.test`;
      const reply = await deliverTo(lmtp, `<${id}>`);
      if (reply.startsWith("250 ")) this.accepted.push(id);
      else {
        assert.match(reply, /^451 4\.3\.0 /);
        this.refused += 1;
      }
      this.#progress.emit("more");
    }
  }

  async #ask(keys: Place): Promise<void> {
    while (!this.#isOver) {
      const status = await statusOf(keys);
      if (status === 200) this.found += 1;
      else
        assert(status >= 500, `the keyserver answered ${String(status)}: that reads as an answer`);
      this.#progress.emit("more");
    }
  }
}

async function statusOf({ host, port }: Place): Promise<number> {
  const path = `/pks/lookup?op=get&options=mr&exact=on&search=${encodeURIComponent(READER)}`;
  return new Promise((resolve, reject) => {
    // Who it is makes no difference here.
    const options = {
      host,
      port,
      path,
      rejectUnauthorized: false,
      agent: false,
      timeout: STALL_MS,
    };
    request(options, (response) => {
      response.resume().once("end", () => {
        resolve(response.statusCode ?? 0);
      });
    })
      .on("error", reject)
      .end();
  });
}

async function missing(
  server: LoneServer,
  url: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const tags = await readersTags(server, ids);
  await using store = await openStore({ engine: "postgres", url });
  const rows = await store.db.selectFrom("mailbox_messages").select("name").execute();
  const kept = new Set(rows.map(({ name }) => name));
  return ids.filter((_id, at) => !kept.has(tags[at] ?? ""));
}
