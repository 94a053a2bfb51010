import { errorText } from "../../base/errors.ts";
import { SmtpClient } from "./client.ts";
import type { HopPlace } from "./hop.ts";

/** Whether a hop greets whoever connects (RFC 5321 §3.1): undefined when it does, else why not. It is sent no mail. */
export async function probeHop(place: HopPlace, timeoutMs: number): Promise<string | undefined> {
  try {
    using client = await SmtpClient.connect(place, timeoutMs);
    const { code } = await client.reply(timeoutMs);
    client.quit();
    return code === 220 ? undefined : `it greets with ${String(code)}`;
  } catch (error) {
    return errorText(error);
  }
}
