/** What an SMTP or LMTP client is told of its delivery. */
import { unreachable } from "../base/unreachable.ts";
import type { Delivery, ReaderAnswer } from "../incoming/delivery.ts";
import { errorReply, reply, type Reply } from "../smtp/smtp.ts";

const UNKNOWN = reply("550", "5.1.1", "no such user here");
const MAILBOX_FULL = reply("452", "4.2.2", "the mailbox is full; retry later");

/** The answer to RCPT TO. */
export function readerReply(answer: ReaderAnswer): Reply | "ok" {
  switch (answer.kind) {
    case "accepted":
      return "ok";
    case "not-ours":
      return reply("550", "5.7.1", "relaying is not possible here");
    case "unknown":
      return UNKNOWN;
    case "full":
      return MAILBOX_FULL;
    default:
      return unreachable(answer);
  }
}

/** The answer to DATA for one recipient. */
export function deliveryReply(delivery: Delivery): Reply {
  switch (delivery.kind) {
    case "stored":
      return reply("250", "2.0.0", "stored");
    case "unknown":
      return UNKNOWN;
    case "full":
      return MAILBOX_FULL;
    case "large-header":
      // RFC 3463 §3.4: X.3.4, too big; of the header, which the size of the message does not tell.
      return reply("552", "5.3.4", "the header of the message is too large");
    case "too-large":
      return reply(
        "552",
        "5.3.4",
        `a message that is not sealed may have ${String(delivery.maxBytes)} bytes`,
      );
    case "trouble":
      return errorReply(delivery.error);
    default:
      return unreachable(delivery);
  }
}
