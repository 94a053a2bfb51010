import { AppError } from "../base/errors.ts";

/** Somebody else changed the account's keys first: what was prepared no longer fits. */
export class Conflict extends AppError {
  override readonly name = "Conflict";

  constructor() {
    super("the keys of this account were changed at the same time; try again", { temporary: true });
  }
}
