/** The answers that all interfaces share, and how long each may be kept by those in between. */
import type { WholeAnswer } from "./lane/whole-answer.ts";

const PLAIN = "text/plain; charset=utf-8";

/** What may be kept: by address 5 minutes, by fingerprint or key ID an hour, "not found" a minute, other refusals never. */
export const KEPT = {
  byAddress: "public, max-age=300",
  byId: "public, max-age=3600",
  absent: "public, max-age=60",
  never: "no-store",
} as const;

export const methods = ["GET", "HEAD", "OPTIONS"] as const;

/**
 * On every answer, refusals too: pages of others may ask here, because everything here is for everybody. What a browser
 * asks before it asks with `If-None-Match` is in it as well.
 */
export const openToAll: readonly (readonly [name: string, value: string])[] = [
  ["Access-Control-Allow-Origin", "*"],
  ["Cross-Origin-Resource-Policy", "cross-origin"],
];

function refusal(status: number, cache: string, text: string): WholeAnswer {
  return { status, headers: ["Cache-Control", cache, "Content-Type", PLAIN], body: `${text}\n` };
}

export const malformed = refusal(400, KEPT.never, "bad request");
export const withoutIdentifier = refusal(403, KEPT.never, "an identifier is missing");
export const absent = refusal(404, KEPT.absent, "not found");
export const misdirected = refusal(421, KEPT.never, "this host is not served here");
export const notImplemented = refusal(501, KEPT.never, "not implemented");
export const healthy = refusal(200, KEPT.never, "ok");

export function tooMany(waitMs: number): WholeAnswer {
  const { status, headers, body } = refusal(429, KEPT.never, "too many requests");
  return { status, headers: [...headers, "Retry-After", String(Math.ceil(waitMs / 1000))], body };
}

/** The answer to OPTIONS (RFC 9110 §9.3.7), which is also a browser's question before it asks for others. */
export const allowed: WholeAnswer = {
  status: 200,
  headers: [
    "Allow",
    methods.join(", "),
    "Access-Control-Allow-Methods",
    methods.join(", "),
    "Access-Control-Allow-Headers",
    "If-None-Match",
    "Cache-Control",
    KEPT.never,
    "Content-Type",
    PLAIN,
  ],
  body: "",
};

/** Headers of an answer that has what was asked for; to be made once for each kind. */
export function foundHeaders(cache: string, type: string): readonly string[] {
  return ["Cache-Control", cache, "Content-Type", type];
}

export function found(headers: readonly string[], body: string | Uint8Array): WholeAnswer {
  return { status: 200, headers, body };
}
