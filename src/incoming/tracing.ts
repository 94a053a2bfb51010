/** What became of a message that came in, for `sealpost trace MESSAGE-ID`. */
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { MessageVerdict, NewMessage, StoredMessage } from "../mailbox/mailbox.ts";

export type WriteTrace = (
  messageId: string,
  step: string,
  detail: Readonly<Record<string, string | number | boolean>>,
) => Promise<void>;

export type TraceIncoming = {
  readonly delivered: (o: {
    readonly account: EmailAddress;
    readonly message: NewMessage;
  }) => Promise<void>;
  readonly opened: (o: {
    readonly account: EmailAddress;
    readonly message: StoredMessage;
    readonly verdict: MessageVerdict;
  }) => Promise<void>;
};

export function traceIncoming(write: WriteTrace): TraceIncoming {
  return {
    delivered: async ({ account, message }) =>
      write(message.messageId ?? "", "delivered", {
        account: formatAddress(account),
        form: message.form,
        state: message.state,
        result: message.verdict.state,
        sizeBytes: message.sizeBytes,
      }),
    opened: async ({ account, message, verdict }) =>
      write(message.messageId ?? "", "opened", {
        account: formatAddress(account),
        result: verdict.state,
        signature: verdict.signature,
        ...(verdict.signer === undefined ? {} : { signer: verdict.signer }),
        ...(verdict.fingerprint === undefined ? {} : { fingerprint: verdict.fingerprint }),
        ...(verdict.warnings.length === 0 ? {} : { warnings: verdict.warnings.join(" ") }),
        ...verdict.evidence,
      }),
  };
}
