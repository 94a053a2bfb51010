/** `account convert-mailbox`: mail that was stored under other key pairs comes under the present one. */
import { convertMailFor } from "../incoming/converting.ts";
import { counted, text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
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

async function convert(call: Call): Promise<ExitCode> {
  return asReader(call, async (deps, reader) => {
    const { account } = reader;
    const progress = progressOn(call, (done: number, all: number) =>
      text("conversion.progress", { done, all }),
    );
    const came = await convertMailFor(deps, reader, progress);
    if (came.kind !== "converted") throw refused(came, account.address);
    const { bodies, left, named, waiting } = came;
    const address = formatAddress(account.address);
    return answer(call, { address, bodies, left, named, waiting }, [
      `${address}: ${counted("conversion.bodies", bodies)}`,
      ...table(named.map(({ id, because }) => [id, text(`conversion.because.${because}`)])),
      left === 0 ? text("conversion.whole") : counted("conversion.left", left),
      ...(waiting === 0 ? [] : [counted("conversion.waiting", waiting)]),
    ]);
  });
}
