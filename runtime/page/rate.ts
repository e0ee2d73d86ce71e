/** How fast training runs, from what it said of itself in the last seconds. */

/** Long enough to be steady, short enough to follow a laptop that gets hot. */
const WINDOW_SECONDS = 8;

interface Mark {
  readonly seconds: number;
  readonly samples: number;
}

export class RateMeter {
  #marks: Mark[] = [];
  #samples = 0;

  /** `samples` more have been trained on; `seconds` is a clock that never goes back. */
  record(seconds: number, samples: number): void {
    this.#samples += samples;
    this.#marks.push({ seconds, samples: this.#samples });
    while (this.#marks.length > 2 && seconds - this.#marks[1]!.seconds >= WINDOW_SECONDS) {
      this.#marks.shift();
    }
  }

  /** Samples a second; undefined until there is something to tell. */
  get rate(): number | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.seconds <= first.seconds)
      return undefined;
    return (last.samples - first.samples) / (last.seconds - first.seconds);
  }
}
