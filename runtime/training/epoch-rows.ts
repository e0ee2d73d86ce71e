/**
 * Which rows the batches of an epoch are made of. Epochs go through the rows pass by pass, each in an order of its own;
 * usually an epoch is a pass, but one of so many steps ends where it ends, and the next goes on there.
 */

import { shuffleRows } from "./permutation.ts";

export interface EpochRowsOptions {
  readonly rows: Int32Array;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly stepsPerEpoch: number | undefined;
}

export class EpochRows {
  /** Batches of an epoch. */
  readonly batches: number;
  readonly #options: EpochRowsOptions;
  readonly #batchesOfPass: number;
  readonly #order: Int32Array;
  #pass = -1;

  constructor(options: EpochRowsOptions) {
    this.#options = options;
    this.#batchesOfPass = Math.ceil(options.rows.length / options.batchSize);
    this.batches = options.stepsPerEpoch ?? this.#batchesOfPass;
    this.#order = options.rows.slice();
  }

  /** The most batches from a position on that are of one pass. */
  contiguous(epoch: number, position: number): number {
    return this.#batchesOfPass - (this.#index(epoch, position) % this.#batchesOfPass);
  }

  /** The rows of so many batches, all of one pass; epochs count over all runs. */
  slice(epoch: number, position: number, batches: number): Int32Array {
    const index = this.#index(epoch, position);
    this.#arrange(Math.floor(index / this.#batchesOfPass));
    const first = (index % this.#batchesOfPass) * this.#options.batchSize;
    return this.#order.subarray(first, first + batches * this.#options.batchSize);
  }

  #index(epoch: number, position: number): number {
    return epoch * this.batches + position;
  }

  #arrange(pass: number): void {
    if (pass === this.#pass) return;
    this.#pass = pass;
    this.#order.set(this.#options.rows);
    if (this.#options.shuffle) shuffleRows(this.#order, this.#options.seed, pass);
  }
}
