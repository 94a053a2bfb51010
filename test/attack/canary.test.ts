/**
 * What only the reader may see is nowhere in clear: not in the database and its log, the bodies, temporary files, the logs of the
 * program, nor a backup. Mail comes through a gateway, is read, searched, sorted into folders and converted to another key pair.
 * Mail is sent through it, and a draft with attachments is written.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { startPostgres } from "../../lab/postgres.ts";
import { runOk, sealpostCommand } from "../../lab/run.ts";
import { startSink } from "../../lab/sink.ts";
import { findReader } from "../../src/accounts/accounts.ts";
import { openReading } from "../../src/app/open-reading.ts";
import { openVault, type Vault } from "../../src/app/open-vault.ts";
import { loadConfig, type Config } from "../../src/config/config.ts";
import { standardFolder } from "../../src/mailbox/mailbox.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { container } from "../../src/pgpmime/seal.ts";
import { findPublished } from "../../src/store/keys/certificates.ts";
import { openStore, type Engine, type Store } from "../../src/store/store.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import { unlockWithPassword } from "../../src/vault/vault.ts";
import { Secret } from "../../src/base/secret.ts";
import { makeField } from "../../src/mail/header.ts";
import { summaryMail } from "../contract/mailbox-world.ts";
import { addressOf } from "../support/address.ts";
import {
  formIn,
  formsOf,
  newCanary,
  sightingsInFiles,
  sightingsInRows,
  type Sighting,
} from "../support/canary.ts";
import { BLOBS_OF_DRAFT, clearMail, send, writeDraft } from "../support/canary-mail.ts";
import { makeLoneServer, PASSWORD, READER, type LoneServer } from "../support/lone-server.ts";
import { RawSmtp } from "../support/raw-smtp.ts";

const LOCKED = "lena@alpha.test";
/** Enough for a segment of the index. */
const MANY = 260;
/** More than one row of a database holds, as a body. */
const LARGE = 3_000_000;
/** How many messages the reader sends. */
const SENT = 2;

test("a canary is noticed in each form, in lines and among other octets", () => {
  const canary = newCanary();
  const forms = formsOf(canary);
  assert.equal(forms.size, 10);
  assert.equal(formIn(Buffer.from("kanari"), forms), undefined);
  const text = `Grüße, ${canary} und mehr`;
  const quoted = [...Buffer.from(text)].map((octet) => `=${octet.toString(16).toUpperCase()}`);
  const written: readonly Buffer[] = [
    Buffer.from(text),
    Buffer.from(text, "latin1"),
    Buffer.from(text, "utf16le"),
    Buffer.from(text, "utf16le").swap16(),
    Buffer.from(text.toUpperCase()),
    Buffer.from(quoted.join("").replaceAll(/.{42}/g, "$&=\r\n")),
    Buffer.from(text.replace("kana", "kana=\r\n")),
    ...["", "x", "xy"].map((before) => Buffer.from(Buffer.from(before + text).toString("base64"))),
    ...[3, 4, 5].map((length) => {
      const digits = Buffer.from(text).toString("base64");
      return Buffer.from(digits.replaceAll(new RegExp(`.{${String(length)}}`, "g"), "$&\r\n"));
    }),
  ];
  for (const octets of written) {
    assert.notEqual(formIn(octets, forms), undefined, octets.toString("latin1"));
  }
});

type World = {
  readonly dir: string;
  readonly canary: string;
  readonly server: LoneServer;
  readonly env: Readonly<Record<string, string>>;
  /** What temporary files had, whenever somebody looked. */
  readonly temporary: Sighting[];
};

const PLACES: readonly (readonly [Engine, string])[] = [
  ["sqlite", "database"],
  ["postgres", "folder"],
];

for (const [engine, bodies] of PLACES) {
  test(`${engine}, bodies in the ${bodies}: what the reader alone may see is nowhere in clear, and would be found`, async () => {
    const dir = await mkdtemp(join(tmpdir(), "sealpost-canary-"));
    const temp = join(dir, "tmp");
    await mkdir(temp, { mode: 0o777 });
    const [canary, whom] = [newCanary(), newCanary()];
    await using stack = new AsyncDisposableStack();
    stack.defer(async () => rm(dir, { recursive: true, force: true }));
    const database = await databaseIn(dir, temp, engine, stack);
    const storage = { bodies, bodies_folder: join(dir, "bodies") };
    const sent = await mkdtemp(join(tmpdir(), "sealpost-canary-sent-"));
    stack.defer(async () => rm(sent, { recursive: true, force: true }));
    const sink = stack.use(await startSink({ host: "127.0.0.1", dir: sent }));
    const any = { host: "127.0.0.1", port: 0 };
    const server = await makeLoneServer(dir, database, {
      storage,
      listen: { submission: any, lmtp: any, metrics: any, keyserver: any },
      relay: { host: sink.host, port: sink.port },
    });
    const world = { dir, canary, server, env: { TMPDIR: temp }, temporary: [] };
    stack.use(watchTemporary(world, temp));
    const gateway = stack.use(await server.serve("gateway", world.env));

    await command(world, ["account", "add", LOCKED, "--password-stdin"], PASSWORD);
    await receive(world, gateway.place("lmtp"));
    await send(world, gateway, [LOCKED]);
    await command(world, ["account", "policy", READER, "off"]);
    await send(world, gateway, [`${whom}@beta.test`, `${whom}.blind@beta.test`]);
    assert.equal((await sink.received()).length, SENT);
    await live(world);
    await command(world, ["backup", join(dir, "backup")]);

    const stored = (await readdir(join(dir, "backup.bodies")).catch(() => [])).length;
    assert.equal(stored > 0, bodies === "folder");
    assert.deepEqual(await sightings(world, engine, "backup"), []);

    await using vault = await openVault(await loadConfig(server.config));
    const named = (await sightingsInRows(vault.store, whom)).map(({ where }) => where);
    assert.deepEqual(named.toSorted(), ["trace.detail", "trace.names", "trace_names.name"]);
    const planted = await plant(vault, world);
    await command(world, ["backup", join(dir, "backup, planted")]);
    await sleep(300);
    const seen = await sightings(world, engine, "backup, planted");
    const where = new Set(seen.map((one) => one.where));
    for (const place of planted) assert(where.has(place), `not seen: ${place}`);
    // What is written goes through the log first.
    assert([...where].some((place) => /sealpost\.db-wal$|\/pg_wal\//.test(place)));
  });
}

/** On PostgreSQL the files of its server are searched too, its log of writes among them. */
async function databaseIn(
  dir: string,
  temp: string,
  engine: Engine,
  stack: AsyncDisposableStack,
): Promise<Readonly<Record<string, string>>> {
  if (engine === "sqlite") return { engine, path: join(dir, "sealpost.db") };
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = temp;
  try {
    // The server runs as nobody where the tests run as root.
    await runOk("chmod", ["755", dir]);
    const postgres = stack.use(await startPostgres());
    return { engine, url: await postgres.newDatabase() };
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
}

function watchTemporary({ canary, temporary }: World, temp: string): AsyncDisposable {
  const ending = new AbortController();
  const watching = (async () => {
    while (!ending.signal.aborted) {
      for (const entry of await readdir(temp, { withFileTypes: true })) {
        // The files of PostgreSQL are searched at the end.
        if (entry.name.startsWith("sealpost-pg-")) continue;
        const found = entry.isFile()
          ? (await sightingsInFiles(temp, canary)).filter(({ where }) => where === entry.name)
          : await sightingsInFiles(join(temp, entry.name), canary);
        temporary.push(...found.map(({ where, form }) => ({ where: `temporary ${where}`, form })));
      }
      await sleep(20);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await watching;
    },
  };
}

async function command(world: World, args: readonly string[], input = ""): Promise<string> {
  const { server, env } = world;
  const { stdout } = await runOk(sealpostCommand, [...args, "--config", server.config], {
    input,
    env,
  });
  return stdout.toString();
}

/** Mail in clear and sealed mail, small and large, for a reader whose keys are open and for one whose keys are locked. */
async function receive(
  { canary, server }: World,
  lmtp: { readonly host: string; readonly port: number },
): Promise<void> {
  const large = `${canary} ${"More text of no interest. ".repeat(LARGE / 26)}`.replaceAll(
    /.{70}/g,
    "$&\r\n",
  );
  await using vault = await openVault(await loadConfig(server.config));
  for (const reader of [READER, LOCKED]) {
    const messages = [
      clearMail(canary, reader, canary),
      clearMail(canary, reader, large),
      await sealedMail(vault, canary, reader, canary),
      await sealedMail(vault, canary, reader, large),
    ];
    for (const message of messages) {
      await using client = await RawSmtp.connect(lmtp);
      const lines = ["LHLO relay.test", "MAIL FROM:<x@beta.test>", `RCPT TO:<${reader}>`, "DATA"];
      for (const line of lines) assert.match(await client.ask(line), /^[23]/);
      assert.match(await client.ask(`${message}\r\n.`), /^250 /);
    }
  }
}

/** As somebody without a key of their own seals it; the outer header has the canary as well. */
async function sealedMail(
  vault: Vault,
  canary: string,
  reader: string,
  text: string,
): Promise<string> {
  const row = await findPublished(vault.store, addressOf(reader));
  assert(row);
  const ciphertext = await encryptAtRest({
    data: Buffer.from(clearMail(canary, reader, text)),
    recipients: [await certificateIn(row)],
    now: vault.clock.now(),
  });
  const fields = [
    makeField("From", `"${canary}" <x@beta.test>`),
    makeField("To", reader),
    makeField("Subject", canary),
  ];
  return Buffer.from(container(fields, ciphertext)).toString("latin1");
}

/**
 * What a reader does with mail: lists, folders, keywords, searches, a deletion, and a key pair of the mailbox's own. The mail of the
 * other one goes on waiting.
 */
async function live(world: World): Promise<void> {
  const { canary, server } = world;
  const given = [READER, "--password-stdin"];
  await useMailbox(await loadConfig(server.config), canary);
  await writeDraft(server.config, canary, LARGE);
  const found = await command(world, ["mail", "search", READER, canary, "--json"]);
  assert(found.includes(canary), "the canary is in the mail");
  await command(
    world,
    ["account", "mailbox-key", READER, "separate", "--password-stdin"],
    PASSWORD,
  );
  const converted = await command(
    world,
    ["account", "convert-mailbox", ...given, "--json"],
    PASSWORD,
  );
  assert.match(converted, new RegExp(`"bodies": ?${String(MANY + 4 + SENT + BLOBS_OF_DRAFT)}`));
}

async function useMailbox(config: Config, canary: string): Promise<void> {
  await using vault = await openVault(config);
  await using reading = await openReading(vault);
  const account = await findReader(vault.store, addressOf(READER));
  assert(account);
  using keys = await unlockWithPassword(vault, account.id, Secret.fromText(PASSWORD));
  assert(keys);
  const mailbox = reading.deps.mailboxOf(vault.store, account, keys);
  const [first, second] = (await mailbox.list(standardFolder("inbox"), { limit: 9 })).entries;
  assert(first && second);
  const added = await mailbox.addFolder(canary);
  assert(added.kind === "added");
  assert.equal((await mailbox.setKeywords(first.id, [canary])).kind, "set");
  assert.equal((await mailbox.move([first.id], added.id)).kind, "done");
  await mailbox.remove([second.id]);
  for (let at = 0; at < MANY; at += 1) {
    const mail = summaryMail(`${canary} ${String(at)}`, { text: canary, snippet: canary });
    assert.equal((await mailbox.append(mail)).kind, "appended");
  }
  await mailbox.catchUp();
}

/** Everywhere: files, rows, temporary files as they came and went, and the rows of a backup. */
async function sightings(
  { dir, canary, server, temporary }: World,
  engine: Engine,
  backup: string,
): Promise<readonly Sighting[]> {
  await using vault = await openVault(await loadConfig(server.config));
  return [
    ...temporary,
    ...(await sightingsInFiles(dir, canary)),
    ...(await sightingsInRows(vault.store, canary)),
    ...(await sightingsInBackup(join(dir, backup), canary, engine)),
  ];
}

async function sightingsInBackup(
  file: string,
  canary: string,
  engine: Engine,
): Promise<readonly Sighting[]> {
  if (engine === "sqlite") {
    await using store = await openStore({ engine, path: file, readOnly: true });
    const rows = await sightingsInRows(store, canary);
    return rows.map(({ where, form }) => ({ where: `backup ${where}`, form }));
  }
  const { stdout } = await runOk("/usr/lib/postgresql/15/bin/pg_restore", ["--file=-", file]);
  const tables = stdout.toString("latin1").matchAll(/^COPY public\.(\w+) [^]*?^\\\.$/gm);
  return [...tables].flatMap(([text, table = ""]) => {
    // Octets are digits there.
    const octets = [...text.matchAll(/\\\\x([0-9a-f]*)/g)].map(([, hex = ""]) =>
      Buffer.from(hex, "hex"),
    );
    const form = formIn(Buffer.concat([Buffer.from(text, "latin1"), ...octets]), formsOf(canary));
    return form === undefined ? [] : [{ where: `backup ${table}`, form }];
  });
}

/** Puts the canary where faults would, in another form each time. @returns where it is to be seen. */
async function plant({ store }: Vault, { dir, canary }: World): Promise<readonly string[]> {
  const columns = [
    ["mailbox_messages", "summary"],
    ["folders", "name"],
    ["search_terms", "terms"],
    ["search_segments", "head"],
    ["search_blocks", "bytes"],
    ["blobs", "bytes"],
    ["messages", "outer_from"],
    ["audit", "detail"],
  ] as const;
  const forms = [...formsOf(canary).values()];
  const planted: string[] = [];
  for (const [at, [table, column]] of columns.entries()) {
    const octets = Buffer.concat([Buffer.from("x "), forms[at % forms.length] ?? assert.fail()]);
    if (!(await plantInRows(store, table, column, octets))) continue;
    const isSqlite = store.engine === "sqlite";
    planted.push(`${table}.${column}`, isSqlite ? `backup ${table}.${column}` : `backup ${table}`);
  }
  assert(planted.length >= 12, planted.join());
  const files = ["bodies/planted", "tmp/planted", "gateway-9.log"];
  await mkdir(join(dir, "bodies"), { recursive: true });
  for (const [at, file] of files.entries()) {
    await writeFile(join(dir, file), forms[forms.length - 1 - at] ?? assert.fail());
  }
  return [
    ...planted,
    ...files,
    "temporary planted",
    ...(store.engine === "sqlite" ? ["sealpost.db-wal"] : []),
  ];
}

/** False: the table has no row, or does not let itself be changed. */
async function plantInRows(
  store: Store,
  table: string,
  column: string,
  octets: Buffer,
): Promise<boolean> {
  const isText = table === "messages" || table === "audit";
  try {
    const { numUpdatedRows } = await store.db
      .updateTable(table as "folders")
      .set({ [column]: isText ? octets.toString("latin1") : octets })
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  } catch {
    return false;
  }
}
