/** What mail is opened, judged and read with. Whoever reads asks nobody. */
import { isPostmastersMail } from "../accounts/postmaster.ts";
import { isReadersAddress } from "../accounts/reader-addresses.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import type { Config } from "../config/config.ts";
import type { Discoverer } from "../discovery/discovery.ts";
import type { IsReader } from "../incoming/arrival.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { traceIncoming, type TraceIncoming } from "../incoming/tracing.ts";
import { isParked } from "../keys/parked-keys.ts";
import type { Store } from "../store/store.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { unlockWithService } from "../vault/vault.ts";
import { startEvents, type Events } from "./events.ts";
import { openCrypto, type Crypto } from "./open-crypto.ts";
import { openLookUps } from "./open-look-ups.ts";
import { mailboxesOf } from "./open-mailbox.ts";
import type { Vault } from "./open-vault.ts";
import { traceWriter } from "./trace-writer.ts";

type Deps = {
  readonly config: Config;
  readonly vault: VaultDeps;
  readonly blobs: BlobStore;
  readonly crypto: Crypto;
  readonly discoverer: Pick<Discoverer, "knownAuthor" | "knownAuthorKey">;
  readonly events: Pick<Events, "failed" | "openingStuck">;
  readonly trace: TraceIncoming;
};

/** Reading and judging ask nobody: what was learnt when the mail came in is there, or it is checked later. */
export function readingDeps(deps: Deps): ReadingDeps {
  const { config, vault, crypto, discoverer, events, trace } = deps;
  return {
    store: vault.store,
    blobs: deps.blobs,
    clock: vault.clock,
    mailboxOf: mailboxesOf({
      store: vault.store,
      clock: vault.clock,
      blobs: deps.blobs,
      pool: crypto.pool,
      events,
    }),
    open: crypto.pool.open,
    openAlone: crypto.openAlone,
    stuck: events.openingStuck,
    messageWork: crypto.pool.messageWork,
    certificateWork: crypto.certificateWork,
    askAuthor: discoverer.knownAuthor,
    askAuthorKey: discoverer.knownAuthorKey,
    trace,
    isReader: readersOf(vault.store, config),
    isParked: async (account, keyIds) => isParked(vault, account, keyIds),
    unlockWithService: async (account) => unlockWithService(vault, account),
    statusKey: statusKey(vault),
  };
}

/** Whether an address is the account's, or one of those that its mail to the postmaster goes to. */
function readersOf(store: Store, config: Config): IsReader {
  return async (account, addresses, signedAt) =>
    (await isReadersAddress(store, account, addresses, signedAt)) ||
    (await isPostmastersMail(store, config, account, addresses));
}

/** Results are marked for other programs of the provider's; our own read the database. */
function statusKey({ serviceKeys }: VaultDeps): Uint8Array {
  using key = serviceKeys.current.for("macs");
  return Uint8Array.from(key.reveal());
}

/** The same for one command: nothing is logged, and nothing is counted. It closes what it opened, and not the vault. */
export async function openReading(
  vault: Vault,
): Promise<AsyncDisposable & { readonly deps: ReadingDeps }> {
  await using opening = new AsyncDisposableStack();
  const { config, store, clock } = vault;
  const events = startEvents("silent");
  const crypto = opening.use(openCrypto({ isServing: false }));
  const lookUps = opening.use(
    await openLookUps(config, { vault, crypto, events, isServing: false }),
  );
  const traces = opening.use(traceWriter({ store, clock, events }));
  const trace = traceIncoming(traces.write("in"));
  const deps = readingDeps({
    config,
    vault,
    blobs: vault.blobs,
    crypto,
    discoverer: lookUps.discoverer,
    events,
    trace,
  });
  const opened = opening.move();
  return { deps, [Symbol.asyncDispose]: async () => opened.disposeAsync() };
}
