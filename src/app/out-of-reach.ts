import { DatabaseTrouble } from "../store/engine/trouble.ts";

const OUT_OF_REACH =
  /^(?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|57P0[123]|53300)$/;

/** A database or other server that is not there now, is starting or ending, or has no connection left: try again. */
export function isOutOfReach(thrown: unknown): boolean {
  if (thrown instanceof DatabaseTrouble) return thrown.kind === "away";
  const code: unknown = thrown instanceof Error ? Reflect.get(thrown, "code") : undefined;
  return typeof code === "string" && OUT_OF_REACH.test(code);
}
