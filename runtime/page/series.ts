/** The points of the charts: metrics over epochs, those within an epoch included. */

import type { Logs, Progress } from "./protocol.ts";

/** Beyond this, every second point within epochs is left out: no screen shows more. */
const MAXIMAL_POINTS = 3000;

interface Point {
  /** In epochs: 1.5 is the middle of the second. */
  readonly x: number;
  /** The end of an epoch: kept whatever happens. */
  readonly isEpoch: boolean;
  readonly logs: Logs;
}

export class Series {
  #points: Point[] = [];

  get isEmpty(): boolean {
    return this.#points.length === 0;
  }

  /** Epochs that are complete. */
  get epochs(): number {
    return this.#points.filter(({ isEpoch }) => isEpoch).length;
  }

  clear(): void {
    this.#points = [];
  }

  /** All epochs of a run at once. */
  restore(history: Readonly<Record<string, readonly number[]>>): void {
    this.clear();
    const epochs = Math.max(0, ...Object.values(history).map(({ length }) => length));
    for (let epoch = 0; epoch < epochs; epoch++) {
      const logs = Object.entries(history).flatMap(([name, values]) => {
        // An entry that began late has fewer values.
        const value = values[epoch - (epochs - values.length)];
        return value === undefined ? [] : [[name, value] as const];
      });
      this.addEpoch(epoch, Object.fromEntries(logs));
    }
  }

  addProgress({ epoch, batch, batches, logs }: Progress): void {
    // The end of the epoch brings the same numbers.
    if (batch >= batches) return;
    this.#add({ x: epoch + batch / batches, isEpoch: false, logs });
    if (this.#points.length > MAXIMAL_POINTS) this.#thin();
  }

  addEpoch(epoch: number, logs: Logs): void {
    this.#add({ x: epoch + 1, isEpoch: true, logs });
  }

  /** Columns for a chart: x, the metric, and its validation, with null where there is no value. */
  columns(metric: string): [number[], (number | null)[], (number | null)[]] {
    const pick = (name: string) =>
      this.#points.map(({ logs }) => {
        const value = logs[name];
        return value === undefined || !Number.isFinite(value) ? null : value;
      });
    return [this.#points.map(({ x }) => x), pick(metric), pick(`val_${metric}`)];
  }

  /** x never falls: a run that goes back (a lost device) takes its points along. */
  #add(point: Point): void {
    while (this.#points.length > 0 && this.#points.at(-1)!.x >= point.x) this.#points.pop();
    this.#points.push(point);
  }

  #thin(): void {
    this.#points = this.#points.filter(({ isEpoch }, index) => isEpoch || index % 2 === 0);
  }
}
