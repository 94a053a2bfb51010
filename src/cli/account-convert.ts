/** `account convert-mailbox`: mail that was stored under other key pairs comes under the present one. */
import { convertMailFor } from "../incoming/converting.ts";
import { formatAddress } from "../mail/address.ts";
import type { LeftMail } from "../mailbox/conversion.ts";
import { answer, type Call, type Command, type ExitCode, table } from "./command.ts";
import { asReader } from "./mail-reader.ts";
import { progressOn } from "./progress.ts";
import { refused } from "./refusals.ts";
import { SECRETS_ON_STDIN } from "./secret-input.ts";

export const accountConvertCommands: readonly Command[] = [
  {
    name: "account convert-mailbox",
    operands: ["ADDRESS"],
    summary: "store old mail under the present key pair of the mailbox; stdin: the password",
    options: SECRETS_ON_STDIN,
    run: convert,
  },
];

const WHY: Readonly<Record<LeftMail["because"], string>> = {
  closed: "none of the keys that are open opens it",
  unreadable: "it is damaged, or is not opened here",
  missing: "its octets are missing: sealpost doctor",
};

async function convert(call: Call): Promise<ExitCode> {
  return asReader(call, async (deps, reader) => {
    const { account } = reader;
    const progress = progressOn(
      call,
      (done: number, all: number) => `${done} of ${all} stored bodies`,
    );
    const came = await convertMailFor(deps, reader, progress);
    if (came.kind !== "converted") throw refused(came, account.address);
    const { bodies, left, named, waiting } = came;
    const address = formatAddress(account.address);
    return answer(call, { address, bodies, left, named, waiting }, [
      `${address}: ${bodies} stored bodies are under the present key pair now`,
      ...(waiting === 0
        ? []
        : [`${waiting} messages wait as they came: do this again once they are opened`]),
      ...table(named.map(({ id, because }) => [id, WHY[because]])),
      left === 0
        ? "no message in the mailbox needs a former key pair any more"
        : `${left} messages still need another key pair, and stay as they are`,
    ]);
  });
}
