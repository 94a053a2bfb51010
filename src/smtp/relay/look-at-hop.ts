import { errorText } from "../../base/errors.ts";
import type { Hop } from "./hop.ts";
import { openSession } from "./session.ts";

/** What a hop says to us before any mail. */
export type HopView =
  | {
      readonly kind: "open";
      /** Maximum octets of a message (RFC 1870 §4); undefined where it names none. */
      readonly sizeBytes: number | undefined;
      /** Whether it takes what `forward` would say to it; true where that says nothing. */
      readonly isForwardOffered: boolean;
    }
  /** Mail waits, and why. */
  | { readonly kind: "closed"; readonly why: string };

/** Looks at a hop as mail would meet it: greeting, EHLO, TLS and login. It is sent no mail. */
export async function lookAtHop(hop: Hop, hostname: string, timeoutMs: number): Promise<HopView> {
  const timeouts = { connectMs: timeoutMs, replyMs: timeoutMs, finalReplyMs: timeoutMs };
  try {
    const session = await openSession({ hop, hostname, timeouts });
    if (!("client" in session)) return { kind: "closed", why: session.text };
    const { client, extensions } = session;
    client.quit();
    client[Symbol.dispose]();
    const size = Number(extensions.get("SIZE") ?? 0);
    const { forward = "none" } = hop;
    return {
      kind: "open",
      sizeBytes: size > 0 ? size : undefined,
      isForwardOffered: forward === "none" || extensions.has(forward.toUpperCase()),
    };
  } catch (error) {
    return { kind: "closed", why: errorText(error) };
  }
}
