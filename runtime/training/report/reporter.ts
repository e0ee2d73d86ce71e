/** Where a running training says how it goes. The loop knows no terminal; implementations stand beside this. */

import type { Logs } from "../callbacks/callback.ts";

/** Counts from 0, as everywhere in the runtime; what is shown counts from 1. */
export interface EpochReport {
  readonly epoch: number;
  readonly epochs: number;
  readonly batches: number;
  /** Of training and validation. */
  readonly seconds: number;
  readonly logs: Readonly<Logs>;
}

export interface Reporter {
  epochBegin(epoch: number, epochs: number, batches: number): void;
  /**
   * `batch` batches of the epoch are done, and this `fit` has trained on so many samples a second; asked for often,
   * so it has to be cheap.
   */
  progress(batch: number, logs: Readonly<Logs>, samplesPerSecond: number): void;
  epochEnd(report: EpochReport): void;
  /** What a callback or the loop wants to be read. */
  message(text: string): void;
  warn(text: string): void;
  /** Gives the terminal back; called however training ends. */
  close(): void;
  /** Whether `progress` shows anything: reading the metrics costs a little. */
  readonly wantsProgress: boolean;
}

/** For programs that use a trainer as a module with `verbose: false`. */
export const silentReporter: Reporter = {
  wantsProgress: false,
  epochBegin: () => {},
  progress: () => {},
  epochEnd: () => {},
  message: () => {},
  warn: () => {},
  close: () => {},
};
