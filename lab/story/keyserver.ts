import { readFile } from "node:fs/promises";
import { get } from "node:https";
import { SECOND } from "../../src/base/time.ts";
import { providerOf, type World } from "../world.ts";

const TIMEOUT_MS = 5 * SECOND;

/** Asks a provider's keyserver for an address, as HKP clients do. The certificate must come from the lab's authority. */
export async function askKeyserver(
  world: World,
  email: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const { host, address, port } = providerOf(world, email.slice(email.indexOf("@") + 1)).keyserver;
  const path = `/pks/lookup?op=get&options=mr&exact=on&search=${encodeURIComponent(email)}`;
  const ca = await readFile(world.ca, "utf8");
  return new Promise((resolve, reject) => {
    // The connection goes to the address; the certificate must have the name.
    const options = { host: address, servername: host, port, path, ca, headers: { host } };
    const request = get({ ...options, agent: false, timeout: TIMEOUT_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode, body });
      });
    });
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error(`${host} does not answer`)));
  });
}
