/** A disk that is full for a moment: half of what is written is there. */
import { open, type FileHandle } from "node:fs/promises";
import { mock } from "node:test";

/** The next time that octets which begin so are written to a file, half of them are, and the system says ENOSPC. */
export async function fullDiskAt(beginning: string): Promise<Disposable> {
  await using file = await open("/dev/null");
  const handles = Object.getPrototypeOf(file) as FileHandle;
  const { write, writeFile } = handles;
  let isFull = true;
  const halfOf = async (handle: FileHandle, all: readonly unknown[]): Promise<boolean> => {
    const octets = Buffer.from(all[0] as string);
    if (!isFull || !octets.toString("latin1").startsWith(beginning)) return false;
    isFull = false;
    const position = typeof all[3] === "number" ? all[3] : null;
    const half = octets.subarray(0, octets.length >> 1);
    await Reflect.apply(write, handle, [half, 0, half.length, position]);
    return true;
  };
  const failing = (original: (...all: never[]) => Promise<unknown>) =>
    async function (this: FileHandle, ...all: never[]): Promise<unknown> {
      if (!(await halfOf(this, all))) return original.apply(this, all);
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    };
  const mocks = [
    mock.method(handles, "write", failing(write as never) as never),
    mock.method(handles, "writeFile", failing(writeFile as never) as never),
  ];
  return {
    [Symbol.dispose]: () => {
      for (const one of mocks) one.mock.restore();
    },
  };
}
