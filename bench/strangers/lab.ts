/** The scenes in the lab, whose providers look up each other's users: look-ups, opening, large mail. */
import { startLab, type Lab } from "../../lab/lab.ts";
import { accountOf, providerOf } from "../../lab/world.ts";
import { openVault } from "../../src/app/open-vault.ts";
import { loadConfig } from "../../src/config/config.ts";
import type { Store } from "../../src/store/store.ts";
import { connectClient, type MailClient } from "../../test/support/mail-client.ts";
import { waitingAtLogin } from "./backlog.ts";
import { exchange, type Exchange } from "./exchange.ts";
import { bringing, sealedFor } from "./junk.ts";
import { sendingLarge } from "./large.ts";
import type { Scene } from "./scene.ts";
import { startTarpit, type Tarpit } from "./tarpit.ts";

const TIMES = 15;
/** Domains of authors with slow keyservers, and their first mails. */
const SLOW = 30;
const JUNK = 130;

export type LabScenes = AsyncDisposable & { readonly scenes: readonly Scene[] };

export async function labScenes(dir: string): Promise<LabScenes> {
  await using starting = new AsyncDisposableStack();
  const tarpit = starting.use(await startTarpit(SLOW));
  const neighbours = { zones: [tarpit.zone], ports: [tarpit.port] };
  const lab = starting.use(await startLab({ dir, engine: "sqlite", neighbours }));
  tarpit.useTls(await lab.pki.issue(tarpit.names));
  const config = await loadConfig(providerOf(lab.world, "beta.test").config);
  const { store: beta } = starting.use(await openVault(config));
  const login = async (address: string): Promise<MailClient> => loginOf(lab, address);
  const scenes = scenesIn({ lab, tarpit, beta, login }, starting.use(exchange({ login, beta })));
  const started = starting.move();
  return { scenes, [Symbol.asyncDispose]: async () => started.disposeAsync() };
}

async function loginOf({ world }: Lab, address: string): Promise<MailClient> {
  const [, domain = ""] = address.split("@");
  return connectClient({
    place: providerOf(world, domain).submission,
    serverName: `mail.${domain}`,
    ca: world.ca,
    account: accountOf(world, address),
  });
}

type Place = {
  readonly lab: Lab;
  readonly tarpit: Tarpit;
  /** The database of beta.test. */
  readonly beta: Store;
  readonly login: (address: string) => Promise<MailClient>;
};

function scenesIn(
  { lab, tarpit, beta, login }: Place,
  { sends, arrives }: Exchange,
): readonly Scene[] {
  const { mx } = providerOf(lab.world, "beta.test");
  const reader = "bea@beta.test";
  return [
    {
      what: "opening; sealed mail of 30 domains whose keyservers never answer",
      times: TIMES,
      honest: arrives,
      attack: async () => {
        const junk = await sealedFor(beta, reader);
        const before = tarpit.requests();
        return bringing({
          mx,
          reader,
          first: SLOW,
          message: (at) => {
            const domain = tarpit.domains[at % SLOW] ?? "";
            return junk(`slow${String(at)}@${domain}`, `slow${String(at)}@${domain}`);
          },
          told: () =>
            `${String(tarpit.requests() - before)} look-ups went to the tarpit, which holds ${String(tarpit.held())}`,
          isReal: () => tarpit.requests() > before,
        });
      },
    },
    {
      what: "opening; a login has the messages opened that wait for it",
      times: TIMES,
      honest: arrives,
      attack: async () =>
        waitingAtLogin({
          store: beta,
          reader: "ben@beta.test",
          login: async () => login("ben@beta.test"),
        }),
    },
    {
      what: "opening; messages of 24 MB to another reader, one after the other",
      times: TIMES,
      honest: arrives,
      attack: async () =>
        sendingLarge({ login: async () => login("alice@alpha.test"), to: reader }),
    },
    {
      what: "sending; 130 junk mails from invented addresses of the other provider",
      times: TIMES,
      honest: sends,
      attack: async () => {
        const junk = await sealedFor(beta, reader);
        const name = (at: number): string => `random${String(at)}@alpha.test`;
        const first = JUNK;
        return bringing({ mx, reader, first, message: (at) => junk(name(at), name(at)) });
      },
    },
  ];
}
