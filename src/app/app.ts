/**
 * The application: what a process does, and how its parts are put together.
 *
 *     keyserver   what the world reads: HKP and Web Key Directory; reads the database, holds no secret
 *     gateway     mail in and out: submission, MX and LMTP listeners, the outbox, periodic tasks
 *
 * A role is a file. It reads the configuration and opens the database and the other parts. Each flow gets a small object
 * of the functions that it needs (`deps`). There is no container and no other wiring: whoever wants to know where a
 * function comes from finds it written out in the role. Flows return what happened; `submission-replies.ts` and
 * `delivery-replies.ts` say it in SMTP.
 *
 * Work that takes long or handles strangers' octets is done in threads (`crypto-pool.ts`). A process can hold both roles,
 * and many processes can serve one database.
 */
import type { Config } from "../config/config.ts";
import { checkedConfig } from "./config-problems.ts";
import { openToServe } from "./database.ts";
import { surviveHangup } from "./hangup.ts";
import { endOnUnheard } from "./last-resort.ts";
import type { OfProcess } from "./of-process.ts";
import { TlsNews } from "./tls-files.ts";

/** What a process can do. */
export type RoleName = "keyserver" | "gateway";

/** All words of `RoleName`. */
export const ROLE_NAMES: readonly RoleName[] = ["keyserver", "gateway"];

type Role = (config: Config, shared: OfProcess) => Promise<void>;

/** Loaded when it is run: the keyserver's process has none of the code that opens mail. */
const ROLES: Readonly<Record<RoleName, () => Promise<Role>>> = {
  keyserver: async () => (await import("./keyserver.ts")).runKeyserver,
  gateway: async () => (await import("./gateway.ts")).runGateway,
};

/**
 * Serves in these roles until SIGTERM.
 * @throws ConfigError when the configuration has a fault; AppError when a part cannot be opened or an address is taken.
 */
export async function serveRoles(configFile: string, names: readonly RoleName[]): Promise<void> {
  endOnUnheard();
  surviveHangup();
  const holdsServiceKey = names.includes("gateway");
  const config = await checkedConfig(configFile, { holdsServiceKey });
  const roles = await Promise.all(names.map(async (name) => ROLES[name]()));
  // One store for the process. The keyserver reads only: who writes has the database open, and up to date, before it.
  await using store = holdsServiceKey ? await openToServe(config.database) : undefined;
  const shared = { store, tlsNews: new TlsNews(roles.length) };
  await Promise.all(roles.map(async (run) => run(config, shared)));
}
