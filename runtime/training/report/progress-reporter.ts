/** Tells a program, a page perhaps, how training goes within epochs. */

import type { Logs } from "../callbacks/callback.ts";
import type { EpochReport, Reporter } from "./reporter.ts";

export interface FitProgress {
  /** The epoch under way, from 0, of so many. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches of the epoch that are done, of so many. */
  readonly batch: number;
  readonly batches: number;
  /** Metrics over these batches, `loss` first. */
  readonly logs: Readonly<Logs>;
  /** Mean over this `fit`, without validation. */
  readonly samplesPerSecond: number;
}

/** Passes everything on to another reporter. */
export class ProgressReporter implements Reporter {
  readonly wantsProgress = true;
  readonly #inner: Reporter;
  readonly #onProgress: (progress: FitProgress) => void;
  #epoch = { epoch: 0, epochs: 0, batches: 0 };

  constructor(inner: Reporter, onProgress: (progress: FitProgress) => void) {
    this.#inner = inner;
    this.#onProgress = onProgress;
  }

  epochBegin(epoch: number, epochs: number, batches: number): void {
    this.#epoch = { epoch, epochs, batches };
    this.#inner.epochBegin(epoch, epochs, batches);
  }

  progress(batch: number, logs: Readonly<Logs>, samplesPerSecond: number): void {
    this.#onProgress({ ...this.#epoch, batch, logs, samplesPerSecond });
    this.#inner.progress(batch, logs, samplesPerSecond);
  }

  epochEnd(report: EpochReport): void {
    this.#inner.epochEnd(report);
  }

  message(text: string): void {
    this.#inner.message(text);
  }

  warn(text: string): void {
    this.#inner.warn(text);
  }

  close(): void {
    this.#inner.close();
  }
}
