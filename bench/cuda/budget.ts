/** The time that a run has: every part has a share of it, and none gets what is not there any more. */

export class Budget {
  readonly #now: () => number;
  readonly #end: number;

  /** `now` in seconds. */
  constructor(seconds: number, now: () => number = () => performance.now() / 1000) {
    this.#now = now;
    this.#end = now() + seconds;
  }

  /** Seconds, at least 0. */
  get remaining(): number {
    return Math.max(0, this.#end - this.#now());
  }

  get isSpent(): boolean {
    return this.remaining === 0;
  }

  /** For a part, from now on: at most these seconds. */
  part(seconds: number): Budget {
    return new Budget(Math.min(seconds, this.remaining), this.#now);
  }
}
