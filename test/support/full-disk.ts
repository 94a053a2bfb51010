/** A disk that is full for a moment: half of what is written is there. */
import { open } from "node:fs/promises";
import { mock } from "node:test";

type Call = (this: unknown, ...all: readonly unknown[]) => Promise<unknown>;

/** The next time that octets which begin so are written to a file, half of them are, and the system says ENOSPC. */
export async function fullDiskAt(beginning: string): Promise<Disposable> {
  await using file = await open("/dev/null");
  const handles = Object.getPrototypeOf(file) as Record<"write" | "writeFile", Call>;
  const originals = callsOf(handles);
  let isFull = true;
  const failing = (name: "write" | "writeFile"): Call =>
    async function (this: unknown, ...all) {
      const octets = Buffer.from(all[0] as string);
      const isHit = isFull && octets.toString("latin1").startsWith(beginning);
      if (!isHit) return Reflect.apply(originals[name], this, all);
      isFull = false;
      const position = typeof all[3] === "number" ? all[3] : null;
      await Reflect.apply(originals.write, this, [octets, 0, octets.length >> 1, position]);
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    };
  const mocks = (["write", "writeFile"] as const).map((name) =>
    mock.method(handles, name, failing(name)),
  );
  return {
    [Symbol.dispose]: () => {
      for (const one of mocks) one.mock.restore();
    },
  };
}

function callsOf(handles: object): Record<"write" | "writeFile", Call> {
  const callOf = (name: string): Call => Reflect.get(handles, name) as Call;
  return { write: callOf("write"), writeFile: callOf("writeFile") };
}
