/**
 * What a user of a trainer did wrong or has to know, in words for them: a bad argument, a checkpoint of another
 * model, a column that is missing. Printed without a stack; anything else that is thrown is a bug.
 */

export class TrainingError extends Error {
  override readonly name = "TrainingError";
  /** What to do about it. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
