import { Damaged } from "./damaged.ts";

/**
 * Thrown for a message in a form that we do not read, which says nothing about its integrity. It is a `Damaged`, since
 * nothing of such a message is shown either; `decrypt` tells the two apart.
 */
export class Unsupported extends Damaged {
  override readonly name = "Unsupported";
  /** The form in words for a reader; it quotes nothing of the message. */
  readonly form: string;

  constructor(form: string) {
    super(`in a form that is not supported: ${form}`);
    this.form = form;
  }
}
