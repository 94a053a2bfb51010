import { AppError } from "../base/errors.ts";

/** A message that cannot be sealed as it is. The text says why in words for its sender, who alone can mend it. */
export class UnsealableMessage extends AppError {
  override readonly name = "UnsealableMessage";

  constructor(why: string, cause?: unknown) {
    super(why, { temporary: false, cause });
  }
}
