import type { IncomingMessage, ServerResponse } from "node:http";
import { crc32 } from "node:zlib";

/** What an application that answers whole is told of a request; it has no body. */
export type Asked = {
  readonly method: string;
  /** The request target as it came; of an absolute one what stands behind the authority (RFC 9112 §3.2.2). */
  readonly url: string;
  /** The Host field, or the authority of an absolute target, which counts instead of it; empty where there is none. */
  readonly host: string;
  /** The same object for all requests of one connection. */
  readonly socket: { readonly remoteAddress?: string | undefined };
};

/** An answer that is known as a whole before its first octet leaves. `headers` holds names and values in turn. */
export type WholeAnswer = {
  readonly status: number;
  /** The same array for many answers is written out once. */
  readonly headers: readonly string[];
  /** Text of ASCII alone, or octets. */
  readonly body: string | Uint8Array;
  /** Another for each content, where the application has it cheaper than by a checksum of the body. */
  readonly etag?: string;
  /** What to call the body when it is saved. */
  readonly fileName?: string;
};

/** An application without streams. What it throws is answered 503, never as "nothing there". */
export type WholeApplication = {
  readonly answer: (asked: Asked) => WholeAnswer | Promise<WholeAnswer>;
  /** Runs work that answers several requests which are all here already; for one read of the database for all of them. */
  readonly together?: (work: () => void) => void;
};

export const TROUBLE: WholeAnswer = {
  status: 503,
  headers: ["Content-Type", "text/plain; charset=utf-8", "Cache-Control", "no-store"],
  body: "temporary trouble here; try again later\n",
};

/** RFC 9110 §7.4, §15.5.20: a URL of plain HTTP, which is not served here. */
const MISDIRECTED: WholeAnswer = {
  status: 421,
  headers: ["Content-Type", "text/plain; charset=utf-8", "Cache-Control", "no-store"],
  body: "only https is served here\n",
};

const POLICY = "Content-Security-Policy";

/** What every answer with these headers begins with; those of `always` that the answer has itself are left out. */
export function commonHeaders(always: readonly string[], answer: WholeAnswer): readonly string[] {
  const fixed = answer.headers.includes(POLICY) ? without(POLICY, always) : always;
  return [...fixed, ...answer.headers];
}

/**
 * What the body decides: its length, its name, and for an answer 200 an ETag (RFC 9110 §8.8.3). A checksum and the length
 * are enough to tell two versions of one thing apart: no account gains by making its own look the same.
 */
export function bodyHeaders(answer: WholeAnswer): readonly string[] {
  const { status, body, fileName, etag = crc32(body).toString(36) } = answer;
  const headers = ["Content-Length", String(body.length)];
  if (fileName !== undefined) {
    headers.push("Content-Disposition", `attachment; filename="${fileName}"`);
  }
  if (status === 200) headers.push("ETag", `"${String(body.length)}-${etag}"`);
  return headers;
}

/** For Node's own server, over TLS. */
export function wholeResponder(
  application: WholeApplication,
  always: readonly string[],
  failed: (error: unknown) => void,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const send = (answer: WholeAnswer): void => {
      sendWhole(request, response, always, answer);
    };
    const fail = (error: unknown): void => {
      failed(error);
      if (response.headersSent) response.destroy();
      else send(TROUBLE);
    };
    try {
      const { method = "", url = "", socket } = request;
      const target = originForm(url, request.headers.host ?? "");
      const answer =
        target === undefined ? MISDIRECTED : application.answer({ method, ...target, socket });
      if (answer instanceof Promise) answer.then(send).catch(fail);
      else send(answer);
    } catch (error) {
      fail(error);
    }
  };
}

/**
 * A client of a proxy may send the whole URL to whom it takes for one, and every server takes it: then the Host field says
 * nothing (RFC 9112 §3.2.2). Undefined for a URL of plain HTTP.
 */
function originForm(url: string, host: string): Pick<Asked, "url" | "host"> | undefined {
  const [, scheme, authority, rest = ""] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (scheme === undefined || authority === undefined) return { url, host };
  if (scheme.toLowerCase() === "http") return undefined;
  // An empty authority is none of a host's: a name that no host has.
  return { url: rest.startsWith("/") ? rest : `/${rest}`, host: authority || "@" };
}

/**
 * Sends an answer behind the headers that every answer carries (names and values in turn). A client that has it already
 * gets 304 (RFC 9110 §13.1.2).
 */
function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  always: readonly string[],
  answer: WholeAnswer,
): void {
  const common = commonHeaders(always, answer);
  const own = bodyHeaders(answer);
  if (answer.status === 200 && isKnown(request.headers["if-none-match"], own.at(-1) ?? "")) {
    response.writeHead(304, [...common, ...own.slice(-2)]).end();
    return;
  }
  response.writeHead(answer.status, [...common, ...own]);
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

/** `*`, or a list of tags of which one is this; weak ones compare as strong ones do. */
function isKnown(given: string | undefined, tag: string): boolean {
  if (given === undefined) return false;
  return given.split(",").some((one) => {
    const plain = one.trim().replace(/^W\//, "");
    return plain === tag || plain === "*";
  });
}

function without(name: string, headers: readonly string[]): readonly string[] {
  const at = headers.indexOf(name);
  return at < 0 ? headers : headers.toSpliced(at, 2);
}
