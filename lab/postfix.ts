import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { reservePorts } from "./ports.ts";
import { startProcess } from "./process.ts";
import { runOk } from "./run.ts";
import type { Place } from "./world.ts";

const HOST = "127.0.0.1";
const PROGRAM = "/usr/sbin/postfix";
type Settings = Readonly<Record<string, string>>;

export type Postfix = AsyncDisposable & {
  /** Its SMTP listener. */
  readonly place: Place;
  /** The same listener, as a socket of the file system. */
  readonly socket: string;
  /** The process that has started all others of it. */
  readonly pid: number;
  readonly log: () => Promise<string>;
};

type Options = {
  readonly hostname: string;
  /** Where all mail goes on to. */
  readonly relayTo: Place;
  /** For `main.cf` (postconf(5)). */
  readonly settings?: Settings;
  /** More lines for `master.cf` (master(5)). */
  readonly services?: readonly string[];
};

/**
 * A Postfix beside that of the system, with its own configuration, queue and log, that takes mail on loopback and hands all
 * of it on. Postfix has to be started as root: its master gives up its rights for each service.
 * @throws Error when it is missing, or does not start.
 */
export async function startPostfix(options: Options): Promise<Postfix> {
  await using ends = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-postfix-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const [queue, data, config] = [join(dir, "queue"), join(dir, "data"), join(dir, "etc")];
  for (const folder of [queue, data, config]) await mkdir(folder);
  await runOk("chown", ["postfix:postfix", data]);
  // Its services are of another user, and find their files by their whole path.
  for (const folder of [dir, config]) await chmod(folder, 0o755);

  const { ports } = ends.use(await reservePorts([HOST]));
  const [port = 0] = ports;
  await writeFile(join(config, "main.cf"), mainFile({ ...options, queue, data }));
  await writeFile(join(config, "master.cf"), masterFile(port, options.services));
  const logFile = join(dir, "postfix.log");
  const log = async (): Promise<string> => readFile(logFile, "utf8");
  ends.use(
    await startProcess({
      name: "Postfix",
      command: PROGRAM,
      args: ["-c", config, "start-fg"],
      logFile,
      isReady: async () => (await log()).includes("daemon started"),
    }),
  );
  // A signal would end the script that started it, and nothing else.
  ends.defer(async () => void (await runOk(PROGRAM, ["-c", config, "stop"])));
  const started = ends.move();
  return {
    place: { host: HOST, port },
    socket: join(queue, "public/submission"),
    pid: Number(await readFile(join(queue, "pid/master.pid"), "utf8")),
    log,
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}

function mainFile(o: Options & { readonly queue: string; readonly data: string }): string {
  const { host, port } = o.relayTo;
  const settings: Settings = {
    compatibility_level: "3.6",
    queue_directory: o.queue,
    data_directory: o.data,
    maillog_file: "/dev/stdout",
    myhostname: o.hostname,
    inet_interfaces: HOST,
    inet_protocols: "ipv4",
    mydestination: "",
    alias_maps: "",
    local_transport: "error:there are no local users",
    mynetworks: "127.0.0.0/8",
    smtpd_relay_restrictions: "permit_mynetworks, reject",
    // No name is looked up: mail goes to one place, by its address.
    relayhost: `[${host}]:${String(port)}`,
    smtp_host_lookup: "native",
    smtp_dns_support_level: "disabled",
    smtp_tls_security_level: "none",
    ...o.settings,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");
}

/** Its services (master(5)), none in a changed root, because nothing is set up in there. */
function masterFile(port: number, more: readonly string[] = []): string {
  return [
    "postlog unix-dgram n - n - 1 postlogd",
    `${HOST}:${String(port)} inet n - n - - smtpd`,
    "submission unix n - n - - smtpd",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "verify unix - - n - 1 verify",
    "flush unix n - n 1000? 0 flush",
    "proxymap unix - - n - - proxymap",
    "smtp unix - - n - - smtp",
    "relay unix - - n - - smtp",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
    ...more,
    "",
  ].join("\n");
}
