/**
 * Which messages an export writes, and into which folder. Lists are read one after the other, so that a message that is moved meanwhile
 * may stand in none of them: what changed since the first list was read is planned again, until nothing is missing.
 */
import { standardName } from "../../mailbox/files/folder-names.ts";
import { standardFolder, type Cursor, type Folder, type Mailbox } from "../../mailbox/mailbox.ts";
import { walkWaiting } from "../../spool/waiting-list.ts";
import type { Reader } from "../audited-reading.ts";
import type { ReadingDeps } from "../reading.ts";

/** A folder, its name in files, and what is written into it, the oldest first. */
export type Planned = {
  readonly folder: Folder;
  readonly name: string;
  readonly ids: readonly string[];
};

/** `since`: the latest change of the mailbox when it was begun. */
export type Plan = { readonly since: number; readonly folders: readonly Planned[] };

/** What is exported: the folders that are meant, as they are when it is asked. */
export type PlanOf = {
  readonly mailbox: Mailbox;
  readonly folders: () => Promise<readonly Folder[] | undefined>;
};

/** All messages; undefined where there is no such folder. */
export async function planAll(
  deps: ReadingDeps,
  reader: Reader,
  { mailbox, folders }: PlanOf,
): Promise<Plan | undefined> {
  const { latest: since } = await mailbox.figures();
  const meant = await folders();
  if (meant === undefined) return undefined;
  const planned: Planned[] = [];
  for (const folder of meant) {
    const ids = [...(await idsIn(mailbox, folder)), ...(await waitingIn(deps, reader, folder))];
    planned.push(plannedFor(folder, ids));
  }
  return { since, folders: planned };
}

/** What came into folders, or was moved between them, since another plan was begun, and what waits now. */
export async function planSince(
  deps: ReadingDeps,
  reader: Reader,
  of: PlanOf,
  since: number,
): Promise<Plan | undefined> {
  const changes = await of.mailbox.changesSince(since);
  if (changes.kind === "forgotten") return planAll(deps, reader, of);
  const meant = await of.folders();
  if (meant === undefined) return undefined;
  const planned: Planned[] = [];
  for (const folder of meant) {
    const changed = changes.entries.filter((entry) => entry.folder === folder.id);
    const oldestFirst = changed.toSorted((a, b) => Number(a.receivedAt) - Number(b.receivedAt));
    const ids = oldestFirst.map(({ id }) => id);
    planned.push(plannedFor(folder, [...ids, ...(await waitingIn(deps, reader, folder))]));
  }
  return { since: changes.latest, folders: planned };
}

/** A message that left the queue while its page was read stands in both lists. */
function plannedFor(folder: Folder, ids: readonly string[]): Planned {
  const name = folder.standard === undefined ? folder.name : standardName(folder.standard);
  // A name that does not open is no reason to leave the mail behind.
  return { folder, name: name ?? folder.id, ids: [...new Set(ids)] };
}

async function waitingIn(
  { store }: ReadingDeps,
  { account }: Reader,
  { id }: Folder,
): Promise<readonly string[]> {
  if (id !== standardFolder("inbox")) return [];
  const ids: string[] = [];
  for await (const message of walkWaiting(store, account.id)) ids.push(message.id);
  return ids;
}

const PAGE = 200;

/** The oldest first. */
async function idsIn(mailbox: Mailbox, { id }: Folder): Promise<readonly string[]> {
  const ids: string[] = [];
  let after: Cursor | undefined;
  do {
    const page = await mailbox.list(id, { after, limit: PAGE });
    ids.push(...page.entries.map((entry) => entry.id));
    after = page.next;
  } while (after !== undefined);
  return ids.toReversed();
}
