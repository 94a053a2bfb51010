import { AppError } from "../../base/errors.ts";
import { readCopy } from "../../store/mail/outbox.ts";
import type { Keeping } from "./deferral.ts";

/** The octets of a part (`PART` in `order.ts`). @throws AppError when it is gone or does not open. */
export async function readPart(
  { store, parts }: Pick<Keeping, "store" | "parts">,
  name: string,
): Promise<Uint8Array> {
  const kept = await readCopy(store, name);
  if (kept !== undefined) return parts.unwrap(name, kept);
  throw new AppError("a deferred message has lost a part", { temporary: true });
}
