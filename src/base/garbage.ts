import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * V8's own `gc` for this process, which collects at once. For threads: a waiting thread collects no garbage, and would hold
 * the memory of its last work.
 */
export function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
