/**
 * How many steps to hand to the device at once: as many as take about 50 ms, so that the way through JavaScript
 * costs nothing while Ctrl-C and the progress bar stay responsive. Results do not depend on it.
 */

const TARGET_MILLISECONDS = 50;

export class ChunkSizer {
  #steps = 1;

  get steps(): number {
    return this.#steps;
  }

  /** `steps` took so long; grows at most eightfold, as the first steps are slow for other reasons. */
  record(steps: number, milliseconds: number): void {
    const wanted = (steps * TARGET_MILLISECONDS) / Math.max(milliseconds, 0.01);
    this.#steps = Math.max(1, Math.min(Math.round(wanted), this.#steps * 8, 1 << 16));
  }
}
