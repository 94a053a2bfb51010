import { AppError } from "../base/errors.ts";

/** An account has no key yet that could protect its mailbox: nothing is kept for it in clear instead. */
export class NoMailboxKey extends AppError {
  override readonly name = "NoMailboxKey";

  constructor() {
    super("the account has no key to protect its mailbox with", { temporary: true });
  }
}
