/** `npm run bench -- NAME…|all` runs measurements; without a name it lists them. */
import { chosen, WRONG_USAGE } from "../test/support/chosen.ts";

/** A measurement prints its figures; false when it misses its bar. It is loaded when it is run. */
type Bench = {
  readonly what: string;
  readonly load: () => Promise<{ readonly run: () => Promise<boolean> }>;
};

const BENCHES: Readonly<Record<string, Bench>> = {
  database: {
    what: "SQLite in the event loop and in threads: small mail, 35 MB, a lock of another process",
    load: async () => import("./database.ts"),
  },
  enrol: {
    what: "how long a login takes while a thousand accounts get their keys",
    load: async () => import("./enrol.ts"),
  },
  gateway: {
    what: "what a message costs the gateway process (BESIDE=… for another checkout in the same run)",
    load: async () => import("./gateway.ts"),
  },
  growth: {
    what: "what each event and task costs the database with 1,000 to 1,000,000 accounts (SIZES=…, ENGINES=…)",
    load: async () => import("./growth.ts"),
  },
  keyserver: {
    what: "look-ups a second of processor time, beside nginx that serves the same octets as files",
    load: async () => import("./keyserver.ts"),
  },
  login: {
    what: "what a first login, a repeated one and a wrong password cost, on both engines (ROUNDS=…)",
    load: async () => import("./login.ts"),
  },
  mailbox: {
    what: "lists, searches and deliveries in a mailbox of 50,000 messages (SIZES=…, ENGINES=…)",
    load: async () => import("./mailbox.ts"),
  },
  memory: {
    what: "the most memory of each gateway while a message of 25 MB passes",
    load: async () => import("./memory.ts"),
  },
  outgoing: {
    what: "what a submitted message costs, by 1 to 200 clients and two processes, beside Postfix with gpg",
    load: async () => import("./outgoing.ts"),
  },
  rotations: {
    what: "how many rotations a second each engine takes, eight users at the same time",
    load: async () => import("./rotations.ts"),
  },
  seal: {
    what: "sealing and opening as the gateway does, beside other programs (SIZES=…, KINDS=…)",
    load: async () => import("./seal.ts"),
  },
  stall: {
    what: "how long messages of 35 MB hold the event loop, and how much memory (KINDS=… for some kinds)",
    load: async () => import("./stall.ts"),
  },
  strangers: {
    what: "how long honest clients wait while strangers attack (SCENES=… for some scenes)",
    load: async () => import("./strangers.ts"),
  },
};

const names = chosen("npm run bench", BENCHES, process.argv.slice(2), (line) => {
  console.log(line);
});
if (names === undefined) process.exitCode = WRONG_USAGE;

for (const name of names ?? []) {
  console.log(`\n== ${name}`);
  // Each sets the exit code when it misses its bar.
  const { run } = (await BENCHES[name]?.load()) ?? {};
  if ((await run?.()) !== true) process.exitCode = 1;
}
