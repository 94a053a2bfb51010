/** What happens, one function each: it writes the log line. No body, subject, local part or secret is ever logged. */
import { closeSync, openSync } from "node:fs";
import { pino, type DestinationStream, type Logger } from "pino";

import { AppError, errorText } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import type { Domain } from "../mail/address.ts";
import type { Reason } from "../smtp/reason.ts";
import type { Taken } from "./live-config.ts";

/** What a listener answered: to whom (`client`, as far as the configuration says), and why, in one word. */
export type AnswerLine = {
  readonly listener: string;
  readonly client?: string;
  readonly code: string;
  readonly status: string;
  readonly reason: Reason;
};

export type TransactionLine = AnswerLine & {
  /** Stands in the reply too, and is taken by `sealpost trace`. */
  readonly id: string;
  /** Of the account that sends. */
  readonly domain?: Domain;
  readonly recipients: number;
  /** LMTP and several recipients: how many were told 250. */
  readonly accepted?: number;
  readonly sizeBytes: number;
  readonly tookMs: number;
  readonly plan?: string;
  readonly state?: string;
};

export type Events = {
  readonly ready: (role: string, places: Readonly<Record<string, string>>) => void;
  readonly stopping: (role: string) => void;
  /** Something was thrown that nobody above could do anything about. */
  readonly failed: (where: string, error: unknown) => void;
  /** A message was answered, over SMTP or LMTP: one line for each. */
  readonly transaction: (o: TransactionLine) => void;
  /** A sender or recipient was refused. */
  readonly refused: (o: AnswerLine & { readonly step: string; readonly id?: string }) => void;
  /** Other programs match this line: docs/operate/metrics-and-logs.md gives its form. */
  readonly loginFailed: (o: AnswerLine) => void;
  /** The keyserver could read more of the database than is published. */
  readonly keyserverUnrestricted: (reason: string) => void;
  /** Monitoring matches `revocation.alarm` and `revocation.stopped`: they are the names in the audit log as well. */
  readonly revocationAlarm: (
    kind: "alarm" | "stopped",
    o: { readonly within: string; readonly released: number; readonly limit: number },
  ) => void;
  /** Why the database cannot keep anything now; undefined when it can again. */
  readonly databaseChanged: (why: string | undefined) => void;
  /** Why a next hop gives no answer now; undefined when it answers again. */
  readonly hopChanged: (hop: string, why: string | undefined) => void;
  /** What is wrong with the clock of this host; undefined when it is right again. */
  readonly clockChanged: (why: string | undefined) => void;
  /** A message of somebody's could not be opened, and waits for another try. */
  readonly openingStuck: (id: string, reason: string) => void;
  /** Once a day, and at the start: what `audit verify --kept` checks against, kept where the log is kept. */
  readonly auditHead: (o: { readonly rows: number; readonly hash: string }) => void;
  /** At SIGHUP; `restart`: what changed in the file and is not in force. */
  readonly reloaded: (o: { readonly role: string } & Taken) => void;
  /** A configuration that changes nothing, because of these faults. */
  readonly reloadRefused: (o: {
    readonly role: string;
    readonly problems: readonly string[];
  }) => void;
  readonly tlsRenewed: (o: { readonly validUntil: string }) => void;
  /** The certificate files hold something that cannot be used: what was there before stays in force. */
  readonly tlsRefused: (o: Config["tls"] & { readonly reason: string }) => void;
  readonly resolverTested: (o: { readonly isValidating: boolean; readonly reason: string }) => void;
};

/** The events of a process that serves, and the file that they go to. */
export type EventLog = {
  readonly events: Events;
  /** @throws AppError when `follow` could not open that file. */
  readonly requireUsable: (log: Config["log"]) => void;
  /** Takes the level and the path, and opens the file again: it may have been rotated. */
  readonly follow: (log: Config["log"]) => void;
};

const LOG_FILE_MODE = 0o640;

/** @throws AppError when the log file cannot be written. */
export function openEventLog({ level, file }: Config["log"]): EventLog {
  if (file === undefined) {
    const log = logTo(level, pino.destination({ dest: 1, sync: false }));
    return {
      events: eventsOn(log),
      requireUsable: () => undefined,
      follow: (next) => (log.level = next.level),
    };
  }
  requireWritable(file);
  const destination = pino.destination({ dest: file, sync: false, mode: LOG_FILE_MODE });
  // Unheard, the event would end the process; the next line, and the next SIGHUP, try again.
  destination.on("error", (error: unknown) => {
    process.stderr.write(`sealpost: the log file cannot be written: ${errorText(error)}\n`);
  });
  const log = logTo(level, destination);
  return {
    events: eventsOn(log),
    requireUsable: (next) => {
      requireWritable(next.file ?? file);
    },
    follow: (next) => {
      log.level = next.level;
      destination.reopen(next.file ?? file);
    },
  };
}

function requireWritable(file: string): void {
  try {
    closeSync(openSync(file, "a", LOG_FILE_MODE));
  } catch (cause) {
    const text = `the log file ${file} cannot be written; make its folder, owned by the user that runs Sealpost`;
    throw new AppError(text, { temporary: false, cause });
  }
}

/** JSON lines on stdout, or on the stream that a test gives. */
export function startEvents(level: string, stream?: DestinationStream): Events {
  return eventsOn(logTo(level, stream ?? pino.destination({ dest: 1, sync: false })));
}

function logTo(level: string, destination: DestinationStream): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

function eventsOn(log: Logger): Events {
  return {
    ready: (role, places) => {
      log.info({ role, ...places }, "ready");
    },
    stopping: (role) => {
      log.info({ role }, "stopping");
    },
    failed: (where, error) => {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : undefined;
      log.error(
        {
          where,
          error: errorText(error),
          ...(cause === undefined ? {} : { cause: errorText(cause) }),
        },
        "failed",
      );
    },
    transaction: (o) => {
      log.info(o, "transaction");
    },
    refused: (o) => {
      log.info(o, "refused");
    },
    loginFailed: (o) => {
      log.warn(o, "login failed");
    },
    keyserverUnrestricted: (reason) => {
      log.warn({ role: "keyserver", reason }, "the keyserver can read more than is published");
    },
    revocationAlarm: (kind, o) => {
      log.error(o, `revocation.${kind}`);
    },
    openingStuck: (id, reason) => {
      log.error({ id, reason }, "opening.alarm");
    },
    auditHead: (o) => {
      log.info(o, "audit.head");
    },
    resolverTested: ({ isValidating, reason }) => {
      if (isValidating) log.info("the resolver validates");
      else log.error({ reason }, "the resolver does not validate: nobody can be reached");
    },
    ...changeEvents(log),
    ...reloadEvents(log),
  };
}

/** What was well and is not, or the other way round. */
function changeEvents(
  log: Logger,
): Pick<Events, "databaseChanged" | "hopChanged" | "clockChanged"> {
  return {
    databaseChanged: (why) => {
      if (why === undefined) log.info("the database is well again");
      else log.error({ reason: why }, "database.alarm");
    },
    hopChanged: (hop, why) => {
      if (why === undefined) log.info({ hop }, "the next hop answers again");
      else
        log.warn(
          { hop, reason: why },
          "the next hop gives no answer: mail to it waits or is answered 451",
        );
    },
    clockChanged: (why) => {
      if (why === undefined) log.info("the clock is right again");
      else log.error({ reason: why }, "clock.alarm");
    },
  };
}

function reloadEvents(
  log: Logger,
): Pick<Events, "reloaded" | "reloadRefused" | "tlsRenewed" | "tlsRefused"> {
  return {
    reloaded: (o) => {
      if (o.restart.length === 0) log.info(o, "reloaded");
      else log.warn(o, "reloaded; what restart names is not in force before a restart");
    },
    reloadRefused: (o) => {
      log.error(o, "not reloaded: the configuration has faults");
    },
    tlsRenewed: (o) => {
      log.info(o, "the certificate was renewed");
    },
    tlsRefused: (o) => {
      log.error(o, "the certificate files cannot be used: the old certificate stays in force");
    },
  };
}
