/** Sealed mail as it is stored. */
import { sealedBody } from "../../src/mailbox/embedded/stored-form.ts";
import type { NewMessage } from "../../src/spool/spool.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";

/** The body of the row of a sealed message, which the keys of these certificates open. */
export async function sealedRow(
  message: Uint8Array,
  recipients: readonly Certificate[],
  now: Date,
): Promise<Pick<NewMessage, "form" | "body">> {
  const wrap = async (data: Uint8Array) => encryptAtRest({ data, recipients, now, isOwn: true });
  return { form: "sealed", body: await sealedBody(message, wrap) };
}
