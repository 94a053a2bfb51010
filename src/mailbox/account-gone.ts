import { AppError } from "../base/errors.ts";

/** An account is no longer what it was when it was looked up. */
export class AccountGone extends AppError {
  override readonly name = "AccountGone";

  constructor() {
    super("the account was renamed, closed or erased at the same time; try again", {
      temporary: true,
    });
  }
}
