/** What became of a message that came in, for `sealpost trace ID`. */
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import type { NewMessage, WaitingMessage } from "../spool/spool.ts";
import type { Store } from "../store/store.ts";

/** Writes one step in the transaction of `store`. */
export type WriteTrace = (
  messageId: string,
  step: string,
  detail: Readonly<Record<string, string | number | boolean>>,
  store: Store,
) => Promise<void>;

/** What is said of a message when it came. */
export type DeliveredMessage = Pick<NewMessage, "form" | "verdict" | "sizeBytes" | "messageId"> & {
  /** `pending` waits for its reader's key or for its author's keyserver; `done` has its verdict. */
  readonly state: "pending" | "done";
};

/** Each is written in the transaction that it tells of, so that both are there or neither. */
export type TraceIncoming = {
  readonly delivered: (o: {
    readonly store: Store;
    readonly reader: EmailAddress;
    readonly message: DeliveredMessage;
  }) => Promise<void>;
  readonly opened: (o: {
    readonly store: Store;
    readonly reader: EmailAddress;
    readonly message: WaitingMessage;
    readonly verdict: MessageVerdict;
  }) => Promise<void>;
};

export function traceIncoming(write: WriteTrace): TraceIncoming {
  return {
    delivered: async ({ store, reader, message }) => {
      const detail = {
        account: formatAddress(reader),
        form: message.form,
        state: message.state,
        result: message.verdict.state,
        sizeBytes: message.sizeBytes,
        ...(message.form === "wrapped" ? reasonsOf(message.verdict) : {}),
      };
      await write(message.messageId ?? "", "delivered", detail, store);
    },
    opened: async ({ store, reader, message, verdict }) => {
      const detail = {
        account: formatAddress(reader),
        result: verdict.state,
        ...reasonsOf(verdict),
      };
      await write(message.messageId ?? "", "opened", detail, store);
    },
  };
}

/** What a verdict rests on. */
function reasonsOf(verdict: MessageVerdict): Readonly<Record<string, string>> {
  return {
    signature: verdict.signature,
    ...(verdict.signer === undefined ? {} : { signer: verdict.signer }),
    ...(verdict.fingerprint === undefined ? {} : { fingerprint: verdict.fingerprint }),
    ...(verdict.warnings.length === 0 ? {} : { warnings: verdict.warnings.join(" ") }),
    ...verdict.evidence,
  };
}
