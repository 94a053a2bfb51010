/** `npm run demo`: the lab for a person to play with, or with `--story` the demonstration that plays itself. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { errorText } from "../src/base/errors.ts";
import { SECOND, systemClock } from "../src/base/time.ts";
import { startLab } from "./lab.ts";
import { playStory } from "./story/story.ts";
import { accountOf, providerOf, type World } from "./world.ts";

const USAGE = `npm run demo [-- OPTIONS]
  --story                    play the demonstration, step by step, and exit
  --state DIR                keep all state and world.json in DIR (else in a temporary folder)
  --engine sqlite|postgres   the database (sqlite)
  --full                     with Postfix, Dovecot, clamd and rspamd beside Sealpost (not built yet)
`;

type DemoOptions = {
  readonly isStory: boolean;
  readonly dir: string | undefined;
  readonly engine: "sqlite" | "postgres";
};

/** The exit code is set, not forced: whatever still runs would keep the process and be seen. */
process.exitCode = await demo(process.argv.slice(2));

async function demo(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === "string") {
    process.stderr.write(options);
    return 2;
  }
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "sealpost-demo-")));
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      stop.abort();
    });
  }
  const code = await runUntilStopped(dir, options, stop.signal);
  if (options.dir === undefined && code === 0) await rm(dir, { recursive: true, force: true });
  else console.log(`State and logs are in ${dir}`);
  return code;
}

async function runUntilStopped(
  dir: string,
  { isStory, engine }: DemoOptions,
  signal: AbortSignal,
): Promise<number> {
  const startedAt = systemClock.now().getTime();
  console.log(`Starting three mail providers and their neighbours in ${dir} …`);
  try {
    await using lab = await startLab({ dir, engine, isRecorded: isStory, signal });
    const seconds = (systemClock.now().getTime() - startedAt) / SECOND;
    console.log(`Ready after ${seconds.toFixed(1)} s.\n`);
    if (isStory) return (await playStory(lab, console.log, signal)) ? 0 : 1;
    console.log(welcome(lab.world, lab.worldFile));
    await aborted(signal);
    console.log("Stopping …");
    return 0;
  } catch (error) {
    if (signal.aborted) return isStory ? 1 : 0; // Stopped while it started: that was asked for.
    console.error(`The demo cannot run: ${errorText(error)}`);
    return 1;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  // A pending promise alone does not keep a process alive.
  const keepAlive = setInterval(() => undefined, 60 * SECOND);
  await new Promise((done) => {
    if (signal.aborted) done(undefined);
    signal.addEventListener("abort", done, { once: true });
  });
  clearInterval(keepAlive);
}

/** @returns the options, or what to print when they cannot be followed. */
function readOptions(args: readonly string[]): DemoOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        story: { type: "boolean", default: false },
        state: { type: "string" },
        engine: { type: "string", default: "sqlite" },
        full: { type: "boolean", default: false },
      },
    });
    const { engine, state } = values;
    if (values.full) return "--full (Postfix, Dovecot, clamd, rspamd) is not built yet.\n";
    if (engine !== "sqlite" && engine !== "postgres") return USAGE;
    return {
      isStory: values.story,
      dir: state === undefined ? undefined : resolve(state),
      engine,
    };
  } catch (error) {
    return `${errorText(error)}\n\n${USAGE}`;
  }
}

function welcome(world: World, worldFile: string): string {
  const alpha = providerOf(world, "alpha.test");
  const beta = providerOf(world, "beta.test");
  const alice = accountOf(world, "alice@alpha.test");
  const logins = Object.values(world.providers).flatMap(({ accounts, submission }) =>
    accounts.map(({ address, password, custody, policy = "" }) => {
      const place = `${submission.host}:${submission.port}`;
      return `  ${address.padEnd(18)}${password.padEnd(20)}${place.padEnd(17)}${custody} ${policy}`.trimEnd();
    }),
  );
  return `Log in with any mail client (submission with TLS; the authority is ${world.ca}):

  ${"address".padEnd(18)}${"password".padEnd(20)}${"server".padEnd(17)}key, policy
${logins.join("\n")}

Send a first message. Alice writes it as she always does; it leaves her provider sealed:

  swaks --server ${alpha.submission.host}:${alpha.submission.port} --tls-on-connect \\
    --tls-verify --tls-ca-path ${world.ca} \\
    --auth PLAIN --auth-user ${alice.address} --auth-password ${alice.password} \\
    --from ${alice.address} --to bob@beta.test \\
    --header 'Subject: Hello Bob' --body 'Nobody between us can read this.'

Read it as Bob:

  npx sealpost mail list bob@beta.test --config ${beta.config}
  npx sealpost mail show bob@beta.test ID --config ${beta.config}

Everything else is described in ${worldFile}. Ctrl-C stops it all.`;
}
