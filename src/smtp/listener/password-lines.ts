/**
 * Passwords of AUTH as bytes. smtp-server makes strings of every line, and a string cannot be wiped. So a line with a
 * password is taken apart before it gets there, and smtp-server reads the same exchange with an empty password.
 */
import { setImmediate } from "node:timers/promises";
import type { SMTPServer } from "smtp-server";

import { decodeBase64 } from "../../base/base64.ts";
import { asBuffer } from "../../base/bytes.ts";
import { errorText } from "../../base/errors.ts";
import { fixedBytes, fixedCopy, Secret } from "../../base/secret.ts";

type ServerConnection = SMTPServer["connections"] extends Set<infer One> ? One : never;
type Parser = Exclude<ServerConnection["_parser"], boolean | undefined>;
type Done = (error?: Error | null) => void;

/** What the next line of an exchange is (RFC 4954 §4, RFC 4616 §2). */
type Awaited = "nothing" | "plain" | "user" | "password";

const LF = 10;
/** Maximum length of a line, as smtp-server has it. */
const MAX_LINE_OCTETS = 16 * 1024;
/** Maximum number of lines of one packet before other connections get a turn. */
const LINES_PER_TURN = 100;
/** Maximum number of AUTH before TLS, after which the connection ends. */
const MAX_EARLY_LOGINS = 10;
/** What smtp-server answers 501 to: a token without its three fields, and the end of an exchange. */
const NO_TOKEN = "AA==";
const CANCELLED = "*";

/** The passwords that one connection sends. */
export class PasswordLines {
  readonly #connection: ServerConnection;
  readonly #parser: Parser;
  readonly #write: Parser["_write"];
  #typed: Secret | undefined;
  #awaited: Awaited = "nothing";
  #earlyLogins = 0;
  #held: Buffer = Buffer.alloc(0);

  /** Stands in front of the connection's parser; after STARTTLS there is another one. @throws Error without a parser. */
  constructor(connection: ServerConnection) {
    const parser = connection._parser;
    if (typeof parser !== "object") throw new Error("the connection has no parser to stand before");
    this.#connection = connection;
    this.#parser = parser;
    this.#write = parser._write.bind(parser);
    parser._write = (chunk, encoding, done) => {
      if (parser._dataMode || parser.isClosed) this.#write(chunk, encoding, done);
      else void this.#read(asBuffer(chunk), done);
    };
  }

  /** The password of the line that is being answered; its taker wipes it. */
  take(): Secret | undefined {
    const typed = this.#typed;
    this.#typed = undefined;
    return typed;
  }

  /** Wipes what came and was not used. */
  end(): void {
    this.#held.fill(0);
    this.#held = Buffer.alloc(0);
    this.take()?.[Symbol.dispose]();
  }

  async #read(chunk: Buffer, done: Done): Promise<void> {
    let failure: Error | undefined;
    try {
      await this.#commands(chunk);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(errorText(error));
    }
    done(failure);
  }

  async #commands(chunk: Buffer): Promise<void> {
    let rest = asBuffer(fixedBytes(this.#held.length + chunk.length));
    rest.set(this.#held);
    rest.set(chunk, this.#held.length);
    for (const bytes of [this.#held, chunk]) bytes.fill(0);
    this.#held = Buffer.alloc(0);
    for (let lines = 1; ; lines += 1) {
      if (this.#parser.isClosed) {
        rest.fill(0);
        return;
      }
      // What follows DATA is the message; smtp-server keeps these bytes, so they are not wiped.
      if (this.#parser._dataMode) return this.#pass(rest);
      const end = rest.indexOf(LF) + 1;
      if ((end === 0 ? rest.length : end) > MAX_LINE_OCTETS) {
        rest.fill(0);
        throw new Error("Command line too long");
      }
      if (end === 0) break;
      const line = rest.subarray(0, end);
      rest = rest.subarray(end);
      if (this.#isEarly(line)) {
        line.fill(0);
        this.#refuseEarly();
      } else {
        const harmless = this.#withoutPassword(line);
        if (harmless !== line) line.fill(0);
        await this.#pass(harmless);
      }
      this.take()?.[Symbol.dispose]();
      if (lines % LINES_PER_TURN === 0) await setImmediate();
    }
    this.#held = rest;
  }

  #isEarly(line: Buffer): boolean {
    return this.#connection._ready && !this.#connection.secure && isAuth(line);
  }

  /** smtp-server would not know the command; the client shall hear what to do (RFC 4954 §6, RFC 3207 §4). */
  #refuseEarly(): void {
    this.#earlyLogins += 1;
    if (this.#earlyLogins > MAX_EARLY_LOGINS) {
      this.#connection.send(421, "4.7.0 too many failed logins");
    } else {
      this.#connection.send(530, "5.7.0 must issue a STARTTLS command first");
    }
  }

  /** Resolves once the line was answered. */
  async #pass(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const done: Done = (error) => {
        if (error === undefined || error === null) resolve();
        else reject(error);
      };
      this.#write(bytes, "buffer", done);
    });
  }

  #withoutPassword(line: Buffer): Buffer {
    // Only an exchange of AUTH makes smtp-server wait for a line that is no command.
    const awaited = this.#connection._nextHandler === false ? "nothing" : this.#awaited;
    this.#awaited = "nothing";
    if (awaited === "nothing") return isAuth(line) ? this.#auth(line) : line;
    if (isCancelled(line)) return line;
    if (awaited === "plain") return asLine(this.#plain(line));
    if (awaited === "user") {
      this.#awaited = "password";
      return line;
    }
    return asLine(this.#password(line));
  }

  /** `AUTH mechanism [initial-response]` (RFC 4954 §4). */
  #auth(line: Buffer): Buffer {
    const [, mechanism = line.subarray(0, 0), first, second] = wordsOf(line);
    const name = mechanism.toString("latin1").toUpperCase();
    if (name === "PLAIN" && second === undefined) {
      if (first !== undefined) return asLine(`AUTH PLAIN ${this.#plain(first)}`);
      this.#awaited = "plain";
      return line;
    }
    if (name === "LOGIN" && second === undefined) {
      this.#awaited = first === undefined ? "user" : "password";
      return line;
    }
    // Whatever stands behind is no form that is known: it is refused unread.
    return asLine(second === undefined ? `AUTH ${name}` : `AUTH ${name} - -`);
  }

  /** `[authzid] NUL authcid NUL passwd` (RFC 4616 §2), without its password. */
  #plain(token: Buffer): string {
    const decoded = decodeBase64(trimmed(token));
    if (decoded === undefined) return NO_TOKEN;
    const fields = [-1];
    for (let at = decoded.indexOf(0); at !== -1; at = decoded.indexOf(0, at + 1)) fields.push(at);
    const [, , before = -1] = fields;
    const names = Buffer.from(decoded.subarray(0, before + 1));
    const password = fields.length === 3 ? fixedCopy(decoded.subarray(before + 1)) : undefined;
    decoded.fill(0);
    if (password === undefined) return NO_TOKEN;
    this.#typed = new Secret(password);
    return names.toString("base64");
  }

  #password(token: Buffer): string {
    const decoded = decodeBase64(trimmed(token));
    if (decoded === undefined) return CANCELLED;
    this.#typed = new Secret(decoded);
    return "";
  }
}

function asLine(text: string): Buffer {
  return Buffer.from(`${text}\r\n`, "latin1");
}

function isSpace(octet: number | undefined): boolean {
  return octet !== undefined && (octet === 32 || (octet >= 9 && octet <= 13));
}

function trimmed(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length];
  while (start < end && isSpace(bytes[start])) start += 1;
  while (end > start && isSpace(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

/** Views of the words of a line. */
function wordsOf(line: Buffer): readonly Buffer[] {
  const words: Buffer[] = [];
  let start = 0;
  for (let at = 0; at <= line.length; at += 1) {
    if (at < line.length && !isSpace(line[at])) continue;
    if (at > start) words.push(line.subarray(start, at));
    start = at + 1;
  }
  return words;
}

function isAuth(line: Buffer): boolean {
  return trimmed(line).subarray(0, 5).toString("latin1").trim().toUpperCase() === "AUTH";
}

function isCancelled(line: Buffer): boolean {
  const token = trimmed(line);
  return token.length === 1 && token.toString("latin1") === CANCELLED;
}
