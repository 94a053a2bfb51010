import { randomBytes } from "node:crypto";

import { AppError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { deriveKey } from "./wrap.ts";

/** What the service root key is for; each purpose has a key of its own. `login` wraps what passwords are compared with. */
export type ServicePurpose =
  | "slots"
  | "login"
  | "queue"
  | "revocations"
  | "macs"
  | "audit"
  | "tags"
  | "sessions";

/** The length of a service root key. */
export const SERVICE_KEY_BYTES = 32;

const ID_BYTES = 8;

/** A service root key with the name that rows know it by, which tells nothing about it. */
export class ServiceKey implements Disposable {
  readonly id: string;
  readonly #root: Secret;

  /** Takes the root over. */
  constructor(root: Secret) {
    this.#root = root;
    using id = deriveKey(root, "service|id");
    this.id = Buffer.from(id.reveal().subarray(0, ID_BYTES)).toString("hex");
  }

  /** The key for one purpose; the caller disposes it. */
  for(purpose: ServicePurpose): Secret {
    return deriveKey(this.#root, `service|${purpose}`);
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]();
  }
}

/**
 * The service root key in force, and former ones until nothing is wrapped under them. What is read opens with the key that
 * its row names; what is written always goes under the one in force.
 */
export class ServiceKeys implements Disposable {
  readonly #load: () => readonly ServiceKey[] | undefined;
  #keys: readonly ServiceKey[] = [];
  readonly #taken: ServiceKey[] = [];

  /**
   * `load` gives all keys, the one in force first, which are taken over; undefined when they are as they were. It is
   * asked before each use, so that a rotation reaches running processes.
   */
  constructor(load: () => readonly ServiceKey[] | undefined) {
    this.#load = load;
    this.#refresh();
  }

  /** The one to wrap under. @throws AppError when there is none. */
  get current(): ServiceKey {
    this.#refresh();
    const [current] = this.#keys;
    if (current === undefined) throw new AppError("there is no service key", { temporary: false });
    return current;
  }

  /** The key that a row names; undefined when it is not here. An empty name names none. */
  named(name: string): ServiceKey | undefined {
    return this.all().find(({ id }) => id === name);
  }

  /** Every key that is here, whatever a row names: to tell that none of them opens it. */
  all(): readonly ServiceKey[] {
    this.#refresh();
    return this.#keys;
  }

  #refresh(): void {
    const loaded = this.#load();
    if (loaded === undefined) return;
    // Whoever is at work with the old ones ends with them.
    this.#taken.push(...loaded);
    this.#keys = loaded;
  }

  [Symbol.dispose](): void {
    for (const key of this.#taken) key[Symbol.dispose]();
  }
}

/** A new service root key, to be kept in a file outside the database and its backups. */
export function newServiceRoot(): Secret {
  return new Secret(randomBytes(SERVICE_KEY_BYTES));
}
