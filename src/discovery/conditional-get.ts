import { ExpiringMap } from "../base/expiring-map.ts";
import { after, type Clock, DAY } from "../base/time.ts";
import type { Get, GetResult } from "../fetch/request.ts";

/** Maximum number of answers that are remembered. */
const MAX_ANSWERS = 2000;
/** Maximum size of a remembered answer; a certificate of ours has a few hundred octets. */
const MAX_OCTETS = 16 * 1024;
/** How long an answer is remembered. Whether it still holds is asked each time. */
const LIFE_MS = DAY;
const OK = 200;
const NOT_MODIFIED = 304;

/**
 * A `get` that asks again with the ETag of the answer before, and takes "not modified" for that answer with the new fields
 * (RFC 9110 §13.1.2, RFC 9111 §4.3.4). For questions that are asked often: about authors whose mail comes in.
 */
export function conditionalGet(get: Get, clock: Clock): Get {
  type Response = Extract<GetResult, { kind: "response" }>;
  const answers = new ExpiringMap<string, Response>(MAX_ANSWERS, clock.now);
  return async (request) => {
    const key = `${request.host}:${request.port}${request.path} ${request.accept}`;
    const known = answers.get(key);
    const etag = known?.headers.get("etag");
    const result = await get(etag === undefined ? request : { ...request, ifNoneMatch: etag });
    if (result.kind === "failed") return result;
    if (result.status === NOT_MODIFIED && known !== undefined) {
      return { ...known, headers: new Map([...known.headers, ...result.headers]) };
    }
    const isKept =
      result.status === OK && result.headers.has("etag") && result.body.length <= MAX_OCTETS;
    if (isKept) answers.set(key, result, after(clock.now(), LIFE_MS));
    else answers.delete(key);
    return result;
  };
}
