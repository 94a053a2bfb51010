/**
 * The certificate that the listeners show. Its files are read again every half a minute, and at SIGHUP, so that a renewed one
 * is taken up by itself. One that cannot be used leaves the old one in force, with a warning.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";

import { AppError, errorText } from "../base/errors.ts";
import { SECOND } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Task } from "../jobs/tasks.ts";
import type { Events } from "./events.ts";

/** A renewed certificate is in use within a minute: a tenth more than this at most, and the time to read it. */
const EVERY_MS = 30 * SECOND;

/** PEM texts. */
export type TlsPair = { readonly cert: string; readonly key: string };

type Deps = {
  /** Where the files are now. */
  readonly place: () => Config["tls"];
  readonly events: Pick<Events, "tlsRenewed" | "tlsRefused">;
  /** Where the roles of a process have one; default: this role alone says what it finds. */
  readonly news?: TlsNews | undefined;
};

/** What the roles of one process found in the same files, so that the log says it once. */
export class TlsNews {
  readonly #roles: number;
  /** How many roles have taken a pair that not all have taken. */
  readonly #taken = new Map<string, number>();
  #refused = "";

  constructor(roles: number) {
    this.#roles = roles;
  }

  /** A role has taken a pair. True when it is the last of the roles. */
  isTakenByAll({ cert, key }: TlsPair): boolean {
    const name = cert + key;
    const count = (this.#taken.get(name) ?? 0) + 1;
    this.#taken.set(name, count);
    if (count < this.#roles) return false;
    this.#taken.clear();
    this.#refused = "";
    return true;
  }

  /** A role refused what the files hold. True when no other role has said so. */
  isNew(reason: string): boolean {
    if (reason === this.#refused) return false;
    this.#refused = reason;
    return true;
  }
}

export class TlsFiles {
  readonly #deps: Deps;
  readonly #news: TlsNews;
  readonly #users = new Set<(pair: TlsPair) => void>();
  #used: TlsPair;
  /** What was refused last, so that it is said once. */
  #refused = "";

  private constructor(deps: Deps, used: TlsPair) {
    this.#deps = deps;
    this.#news = deps.news ?? new TlsNews(1);
    this.#used = used;
  }

  /** @throws AppError when there is no certificate with its key to begin with. */
  static async open(deps: Deps): Promise<TlsFiles> {
    try {
      const pair = await read(deps.place());
      createSecureContext(pair);
      return new TlsFiles(deps, pair);
    } catch (cause) {
      const { certificateFile, keyFile } = deps.place();
      const text = `the certificate ${certificateFile} and its key ${keyFile} cannot be used; run: sealpost config check`;
      throw new AppError(text, { temporary: false, cause });
    }
  }

  /** What is in force now. */
  get pair(): TlsPair {
    return this.#used;
  }

  /** Until when the certificate in force is valid. */
  get validUntil(): Date {
    return new X509Certificate(this.#used.cert).validToDate;
  }

  /** Each new pair is given to `use`. */
  follow(use: (pair: TlsPair) => void): void {
    this.#users.add(use);
  }

  get task(): Task {
    return { name: "look at the certificate", everyMs: EVERY_MS, run: async () => this.look() };
  }

  /** Takes what the files hold now. Two files are not written at once: a pair that does not match is looked at again. */
  async look(): Promise<void> {
    let pair: TlsPair;
    try {
      pair = await read(this.#deps.place());
      if (pair.cert === this.#used.cert && pair.key === this.#used.key) return;
      createSecureContext(pair);
    } catch (error) {
      this.#refuse(errorText(error));
      return;
    }
    for (const use of this.#users) use(pair);
    this.#used = pair;
    this.#refused = "";
    if (!this.#news.isTakenByAll(pair)) return;
    this.#deps.events.tlsRenewed({ validUntil: this.validUntil.toISOString() });
  }

  #refuse(reason: string): void {
    if (reason === this.#refused) return;
    this.#refused = reason;
    if (this.#news.isNew(reason)) this.#deps.events.tlsRefused({ ...this.#deps.place(), reason });
  }
}

async function read({ certificateFile, keyFile }: Config["tls"]): Promise<TlsPair> {
  return { cert: await readFile(certificateFile, "utf8"), key: await readFile(keyFile, "utf8") };
}
