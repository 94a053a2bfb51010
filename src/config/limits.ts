/** The tables about how much one message, one client and one network may use. */
import { z } from "zod";

import { network, note } from "./values.ts";

/** The mail server beside Sealpost is one client with many connections: `connections_per_network` does not hold for it. */
const OWN_NETWORKS = ["127.0.0.0/8", "::1/128"];

/** With a limit that is no smaller than the whole, one network shuts everybody out. */
function leavesRoom(table: { connections: number; connections_per_network: number }): boolean {
  return table.connections_per_network < table.connections;
}
const NO_ROOM = {
  message: "must be smaller than connections, so that one network leaves room for others",
  path: ["connections_per_network"],
  params: { compared: "connections" },
};

export const limits = note(
  z
    .strictObject({
      message_bytes: note(
        z.int().min(65_536).max(52_428_800).default(26_214_400),
        "Largest submitted message; the other sizes derive from it.",
        { unit: "bytes" },
      ),
      recipients: note(z.int().min(1).max(1000).default(100), "Most recipients of one message."),
      mailbox_bytes: note(
        z.int().min(1_048_576).default(2_147_483_648),
        "Most that one mailbox may hold; beyond it mail is answered 452.",
        { unit: "bytes" },
      ),
      pending_bytes: note(
        z.int().min(1_048_576).default(536_870_912),
        "Most that may wait for one reader's key.",
        { unit: "bytes" },
      ),
      deferred_bytes: note(
        z.int().min(1_048_576).default(268_435_456),
        "Most that may wait for one sender until their recipients are certain. What comes beyond it is answered 450.",
        { unit: "bytes" },
      ),
      deferred_messages: note(
        z.int().min(1).max(100_000).default(1000),
        "Most messages that may wait for one sender until their recipients are certain.",
      ),
      connections: note(
        z.int().min(2).max(10_000).default(1000),
        "Most clients of one listener. When it is full, the client that has been silent longest makes room.",
      ),
      connections_per_network: note(
        z.int().min(1).max(10_000).default(100),
        "Most clients of one listener from one network (/24 or /48).",
      ),
      trusted_networks: note(
        z.array(network).default(OWN_NETWORKS),
        "Networks that connections_per_network does not hold for: the mail server's own, or a balancer's.",
      ),
      first_command_ms: note(
        z.int().min(1000).max(600_000).default(60_000),
        "A client that has neither logged in nor begun a message by then is let go.",
        { unit: "ms" },
      ),
      idle_ms: note(z.int().min(1000).max(600_000).default(300_000), "A silent client is let go.", {
        unit: "ms",
      }),
      data_ms: note(
        z.int().min(60_000).max(3_600_000).default(900_000),
        "A message that is not there in full by then is refused.",
        { unit: "ms" },
      ),
      data_octets_per_second: note(
        z.int().min(0).max(1_000_000).default(500),
        "A message that still comes more slowly after a minute is refused: its client only holds the connection.",
      ),
      login_failures: note(
        z.int().min(1).max(1000).default(10),
        "Wrong passwords for one account from one network within 15 minutes; then logins are answered 454.",
      ),
      login_failures_per_network: note(
        z.int().min(1).max(100_000).default(100),
        "The same for all accounts together, known ones or not.",
      ),
      login_cache_minutes: note(
        z.int().min(0).max(10).default(10),
        "How long after a login the same password from the same network is verified without the slow hash; each such login begins it anew, for 8 hours at most. 0: every login takes the slow hash.",
        { unit: "minutes" },
      ),
    })
    .refine(leavesRoom, NO_ROOM)
    .prefault({}),
  "What one message and one client may use.",
);

export const keyserver = note(
  z
    .strictObject({
      connections: note(z.int().min(2).max(100_000).default(2000), "Most connections."),
      connections_per_network: note(
        z.int().min(1).max(100_000).default(200),
        "Most connections from one network (/24 or /48).",
      ),
      trusted_networks: note(
        z.array(network).default(OWN_NETWORKS),
        "Networks that connections_per_network does not hold for, such as a balancer's.",
      ),
      misses_per_minute: note(
        z.int().min(1).max(100_000).default(60),
        "How often one network may ask for an address without a certificate. It is ten more for each address that it found in the last hour, up to peer_misses_per_minute.",
      ),
      peers: note(
        z.array(network).default([]),
        "Networks of providers that send us much mail: peer_misses_per_minute holds for them.",
        { example: ["198.51.100.0/24"] },
      ),
      peer_misses_per_minute: note(
        z.int().min(1).max(1_000_000).default(6000),
        "As misses_per_minute, for peers.",
      ),
      id_misses_per_minute: note(
        z.int().min(1).max(1_000_000).default(600),
        "How often one network may ask for a fingerprint or key ID without a certificate.",
      ),
      look_ups_per_minute: note(
        z.int().min(1).max(10_000_000).default(60_000),
        "How often one network may ask, whatever comes of it.",
      ),
      request_ms: note(
        z.int().min(1000).max(60_000).default(10_000),
        "A client that has not made its connection secure by then, or not sent its request, is let go.",
        { unit: "ms" },
      ),
      idle_ms: note(
        z.int().min(1000).max(600_000).default(10_000),
        "A connection without another request by then is closed.",
        { unit: "ms" },
      ),
    })
    .refine(leavesRoom, NO_ROOM)
    .prefault({}),
  "What one network may ask the keyserver.",
);
