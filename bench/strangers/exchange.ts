/** Honest mail between two providers, each message from or to an address that was not looked up before. */
import type { Store } from "../../src/store/store.ts";
import { nameTag } from "../../src/mailbox/embedded/names.ts";
import { makeTags } from "../../src/store/keys/tag-key.ts";
import { selectNamed } from "../../src/store/mailbox/listing.ts";
import { SECOND } from "../../src/base/time.ts";
import { addressOf } from "../../test/support/address.ts";
import type { MailClient } from "../../test/support/mail-client.ts";
import { idAt } from "../../test/support/accounts.ts";

/** How long mail may take to be opened. */
const LATE_MS = 60 * SECOND;
const LOOK_MS = 10;

export type Exchange = Disposable & {
  /** Bob sends to an address of the other provider; true when it was taken. */
  readonly sends: () => Promise<boolean>;
  /** Mail of the other provider for bob is opened; true when its author was confirmed. */
  readonly arrives: () => Promise<boolean>;
};

export function exchange(o: {
  readonly login: (address: string) => Promise<MailClient>;
  /** The database of bob's provider. */
  readonly beta: Store;
}): Exchange {
  let count = 0;
  const next = (): string => String((count += 1));
  const clients = new Map<string, MailClient>();
  // One connection for each, and another when the server has let it go.
  const send = async (from: string, to: string, message: Buffer): Promise<boolean> => {
    const client = clients.get(from) ?? (await o.login(from));
    clients.set(from, client);
    try {
      const sent = await client.send(to, message);
      if (sent.kind === "refused") console.log(`  refused: ${sent.reply}`);
      return sent.kind === "accepted";
    } catch (error) {
      clients.delete(from);
      throw error;
    }
  };
  return {
    sends: async () => {
      // A subaddress is looked up like any other address, and alpha has it.
      const to = `andy+n${next()}@alpha.test`;
      return send("bob@beta.test", to, mail("bob@beta.test", to, next()));
    },
    arrives: async () => {
      const id = next();
      const from = `andy+n${id}@alpha.test`;
      if (!(await send("andy@alpha.test", "bob@beta.test", mail(from, "bob@beta.test", id)))) {
        return false;
      }
      const state = await stateOf(o.beta, id);
      if (state !== "CONFIDENTIAL") console.log(`  honest mail is ${state}`);
      return state === "CONFIDENTIAL";
    },
    [Symbol.dispose]: () => {
      for (const client of clients.values()) client[Symbol.dispose]();
    },
  };
}

function mail(from: string, to: string, id: string): Buffer {
  const header = `From: ${from}\r\nTo: ${to}\r\nSubject: ${id}\r\nMessage-ID: <${id}@bench.test>\r\n`;
  return Buffer.from(`${header}\r\nHonest mail ${id}.\r\n`);
}

/** What became of a message for bob, once it is opened. */
async function stateOf(store: Store, id: string): Promise<string> {
  const account = await idAt(store, addressOf("bob@beta.test"));
  const tags = await makeTags(store, [nameTag(account, `${id}@bench.test`)]);
  const late = performance.now() + LATE_MS;
  while (performance.now() < late) {
    const [found] = await selectNamed(store, account, tags);
    if (found !== undefined) return found.state;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return "late";
}
