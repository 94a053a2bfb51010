import { SECOND } from "../base/time.ts";
import type { Call } from "./command.ts";

/** Says each second on stderr how far a long command is; `line` makes the words of the numbers that it is told. */
export function progressOn<Numbers extends readonly number[]>(
  { terminal }: Pick<Call, "terminal">,
  line: (...numbers: Numbers) => string,
): (...numbers: Numbers) => void {
  let said = performance.now();
  return (...numbers) => {
    if (performance.now() - said < SECOND) return;
    said = performance.now();
    terminal.complain(line(...numbers));
  };
}
