import { execFile, spawn } from "node:child_process";
import { chown, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/**
 * A PostgreSQL server for one lab or test; `newDatabase` makes an empty database, or a copy of the one
 * at the URL `like` that nobody has open, and gives its URL.
 */
export type Postgres = AsyncDisposable & {
  readonly newDatabase: (like?: string) => Promise<string>;
  /** Ends the server: `fast` breaks its connections, `immediate` is as a failure of the machine. */
  readonly stop: (how: "fast" | "immediate") => Promise<void>;
  /** Starts a server that was stopped, at the same place with the same databases. */
  readonly start: () => Promise<void>;
};

/** https://www.postgresql.org/docs/15/server-shutdown.html */
const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;

const BIN = "/usr/lib/postgresql/15/bin";
/** How long a loaded machine may take. */
const START_TIMEOUT_MS = 180_000;
const run = promisify(execFile);

/**
 * Starts a server in a new temporary folder, on a unix socket there alone. As root it runs as nobody, because
 * PostgreSQL refuses root. A missing program is an error, never a skip. `isDurable`: its commits reach the disk, for
 * measurements.
 */
export async function startPostgres({ isDurable = false } = {}): Promise<Postgres> {
  if (!existsSync(join(BIN, "postgres"))) {
    throw new Error("PostgreSQL 15 is missing: apt-get install postgresql-15");
  }
  const folder = await mkdtemp(join(tmpdir(), "sealpost-pg-"));
  const asNobody = await dropRoot(folder);
  const data = join(folder, "data");
  await makeCluster(data, async () => {
    const how = ["-A", "trust", "-U", "app", "--no-sync", "--locale=C.UTF-8"];
    await run(...asNobody("initdb", "-D", data, ...how), { cwd: folder });
  });
  const settings = [
    `unix_socket_directories=${folder}`,
    "listen_addresses=",
    `fsync=${isDurable ? "on" : "off"}`,
  ];
  const options = settings.flatMap((setting) => ["-c", setting]);
  const [program, args] = asNobody("postgres", "-D", data, ...options);
  const start = async (): Promise<Server> => startServer(program, args, folder);
  let server: Server;
  try {
    server = await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  let count = 0;
  return {
    newDatabase: async (like) => {
      count += 1;
      const name = `test${count}`;
      const template = like === undefined ? [] : ["-T", new URL(like).pathname.slice(1)];
      await run(join(BIN, "createdb"), ["-h", folder, "-U", "app", ...template, name]);
      return `postgres:///${name}?user=app&host=${encodeURIComponent(folder)}`;
    },
    stop: async (how) => server.end(SIGNALS[how]),
    start: async () => {
      server = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await server.end("SIGINT");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An empty cluster as `initdb` made it. To copy it takes a tenth of the time. */
const CLUSTER = join(import.meta.dirname, "../node_modules/.cache/postgresql-15");

/** Copies the cluster of an earlier start, or makes the first one and keeps a copy. */
async function makeCluster(data: string, make: () => Promise<void>): Promise<void> {
  const copy = async (from: string, to: string) => run("cp", ["-a", "--reflink=auto", from, to]);
  if (existsSync(CLUSTER)) {
    await copy(CLUSTER, data);
    return;
  }
  await make();
  await mkdir(dirname(CLUSTER), { recursive: true });
  const unfinished = await mkdtemp(`${CLUSTER}-`);
  await copy(data, join(unfinished, "data"));
  // Another process may have been quicker.
  await rename(join(unfinished, "data"), CLUSTER).catch(() => undefined);
  await rm(unfinished, { recursive: true, force: true });
}

type Server = { readonly end: (signal: NodeJS.Signals) => Promise<void> };

/** Resolves once it takes connections. */
async function startServer(
  program: string,
  args: readonly string[],
  folder: string,
): Promise<Server> {
  const server = spawn(program, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    server.kill(signal);
    await ended;
  };
  try {
    await isReady(server.stderr);
  } catch (error) {
    await end("SIGKILL");
    throw error;
  }
  return { end };
}

/** The command line for a program of PostgreSQL's, as nobody if we are root. */
async function dropRoot(
  folder: string,
): Promise<(program: string, ...args: readonly string[]) => [string, readonly string[]]> {
  if (process.getuid?.() !== 0) return (program, ...args) => [join(BIN, program), args];
  const { stdout } = await run("id", ["-u", "nobody"]);
  const { stdout: group } = await run("id", ["-g", "nobody"]);
  const [uid, gid] = [stdout.trim(), group.trim()];
  await chown(folder, Number(uid), Number(gid));
  const setpriv = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
  return (program, ...args) => ["setpriv", [...setpriv, join(BIN, program), ...args]];
}

async function isReady(log: NodeJS.ReadableStream): Promise<void> {
  const text: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => {
      reject(new Error(`PostgreSQL ${why}:\n${text.join("")}`));
    };
    const timer = setTimeout(fail, START_TIMEOUT_MS, "does not start");
    log.on("data", (chunk: Buffer) => {
      text.push(chunk.toString());
      if (!text.join("").includes("ready to accept connections")) return;
      clearTimeout(timer);
      text.length = 0;
      resolve();
    });
    log.once("end", () => {
      clearTimeout(timer);
      fail("ended");
    });
  });
}
