/** The configuration of a process that serves: what may change while it runs is taken from the file again at SIGHUP. */
import type { Config } from "../config/config.ts";

/** Whatever stands below these names is read where it is used, and so may change. All else is wired at the start. */
const CHANGEABLE: readonly string[] = [
  "log.level",
  "log.client_address",
  "log.file",
  "tls",
  "relay",
  "policy",
  "submission",
  "notices",
  "keys.autocrypt",
  "keys.unlock_page",
  "limits.mailbox_bytes",
  "limits.pending_bytes",
];

/** The fields that differ: those that are in force now, and those that need a restart. Dotted names, as in the file. */
export type Taken = { readonly changed: readonly string[]; readonly restart: readonly string[] };

export class LiveConfig {
  #current: Config;

  constructor(config: Config) {
    this.#current = config;
  }

  get current(): Config {
    return this.#current;
  }

  /** Takes over what may change. What needs a restart stays as it is, and is named each time. */
  take(next: Config): Taken {
    const differing = difference(this.#current, next);
    // Whether there is a log file decides how the log is written; only its path may change.
    const isLogMoved = (this.#current.log.file === undefined) !== (next.log.file === undefined);
    const mayChange = (name: string): boolean =>
      CHANGEABLE.some((known) => name === known || name.startsWith(`${known}.`)) &&
      !(isLogMoved && name === "log.file");
    const { autocrypt, unlockPage } = next.keys;
    const { mailboxBytes, pendingBytes } = next.limits;
    const { file, ...log } = next.log;
    const { file: oldFile } = this.#current.log;
    const newFile = isLogMoved ? oldFile : file;
    const { unlockPage: _, ...keys } = this.#current.keys;
    this.#current = Object.freeze({
      ...this.#current,
      log: { ...log, ...(newFile === undefined ? {} : { file: newFile }) },
      tls: next.tls,
      relay: next.relay,
      policy: next.policy,
      submission: next.submission,
      notices: next.notices,
      keys: { ...keys, autocrypt, ...(unlockPage === undefined ? {} : { unlockPage }) },
      limits: { ...this.#current.limits, mailboxBytes, pendingBytes },
    });
    return {
      changed: differing.filter(mayChange),
      restart: differing.filter((name) => !mayChange(name)),
    };
  }
}

function difference(before: Config, next: Config): readonly string[] {
  const [a, b] = [flat(before), flat(next)];
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => a.get(name) !== b.get(name)).toSorted();
}

/** Each value by its dotted name in the file; a list is one value. */
function flat(value: unknown, name = ""): ReadonlyMap<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new Map([[name, JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, child]: [string, unknown]) => {
      const own = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return [...flat(child, name === "" ? own : `${name}.${own}`)];
    }),
  );
}
