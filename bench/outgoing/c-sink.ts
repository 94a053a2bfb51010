import { join } from "node:path";

import { reservePorts } from "../../lab/ports.ts";
import { startProcess } from "../../lab/process.ts";
import type { Place } from "../../lab/world.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";

export type CSink = AsyncDisposable & { readonly place: Place; readonly pid: number };

/** Postfix's `smtp-sink`, which takes all mail and keeps none. */
export async function startCSink(dir: string): Promise<CSink> {
  await using ends = new AsyncDisposableStack();
  const { ports } = ends.use(await reservePorts(["127.0.0.1"]));
  const place = { host: "127.0.0.1", port: ports[0] ?? 0 };
  const sink = ends.use(
    await startProcess({
      name: "smtp-sink",
      command: "/usr/sbin/smtp-sink",
      args: ["-u", "nobody", `inet:${place.host}:${String(place.port)}`, "1000"],
      logFile: join(dir, "smtp-sink.log"),
      isReady: async () => {
        await (await RawSmtp.connect(place))[Symbol.asyncDispose]();
        return true;
      },
    }),
  );
  const started = ends.move();
  return {
    place,
    pid: sink.pid,
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}
