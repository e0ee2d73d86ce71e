/** Tells the page how a run goes, a few times a second, and stops a run whose numbers are lost. */

import type { EpochReport, Reporter } from "../../training/report/reporter.ts";
import type { Logs, WorkerEvent } from "../protocol.ts";
import { RateMeter } from "../rate.ts";
import { sentence } from "./problems.ts";

export interface RunShape {
  readonly batchSize: number;
  readonly rows: number;
  readonly epochs: number;
  /** Where the run begins: the epoch, and the batch within it. */
  readonly epoch: number;
  readonly position: number;
}

const MILLISECONDS_BETWEEN = 100;

export class RunReporter implements Reporter {
  readonly wantsProgress = true;
  readonly #shape: RunShape;
  readonly #post: (event: WorkerEvent) => void;
  /** Called once, when the loss is no number any more. */
  readonly #onDivergence: (logs: Logs) => void;
  readonly #rate = new RateMeter();
  #epoch: number;
  #batches = 0;
  #batch: number;
  /** Time spent in training, without validation: up to where the clock was last stopped, and since when it runs. */
  #seconds = 0;
  #since = performance.now();
  #told = 0;
  #diverged = false;

  constructor(
    shape: RunShape,
    post: (event: WorkerEvent) => void,
    onDivergence: (logs: Logs) => void,
  ) {
    this.#shape = shape;
    this.#epoch = shape.epoch;
    this.#batch = shape.position;
    this.#rate.record(0, 0);
    this.#post = post;
    this.#onDivergence = onDivergence;
  }

  epochBegin(epoch: number, _epochs: number, batches: number): void {
    if (epoch !== this.#epoch) this.#batch = 0;
    this.#epoch = epoch;
    this.#batches = batches;
    this.#since = performance.now();
  }

  progress(batch: number, logs: Logs): void {
    const now = performance.now();
    const { batchSize, rows, epochs } = this.#shape;
    this.#seconds += (now - this.#since) / 1000;
    this.#since = now;
    this.#rate.record(this.#seconds, (batch - this.#batch) * batchSize);
    this.#batch = batch;
    if (!Number.isFinite(logs.loss ?? 0) && !this.#diverged) {
      this.#diverged = true;
      this.#onDivergence(logs);
    }
    if (now - this.#told < MILLISECONDS_BETWEEN && batch < this.#batches) return;
    this.#told = now;
    const rate = this.#rate.rate ?? null;
    const left = (epochs - this.#epoch) * rows - Math.min(rows, batch * batchSize);
    const progress = {
      epoch: this.#epoch,
      batch,
      batches: this.#batches,
      logs: { ...logs },
      samplesPerSecond: rate,
      secondsLeft: rate === null ? null : left / rate,
    };
    this.#post({ kind: "progress", progress });
  }

  epochEnd({ epoch, logs }: EpochReport): void {
    this.#post({ kind: "epoch-end", epoch, logs: { ...logs } });
  }

  message(text: string): void {
    this.#notice("note", "The training says", text);
  }

  warn(text: string): void {
    // Said better where it was noticed.
    if (!this.#diverged) this.#notice("warning", "A warning", text);
  }

  close(): void {}

  #notice(level: "note" | "warning", title: string, text: string): void {
    const problem = { title, detail: sentence(text), advice: null };
    this.#post({ kind: "notice", notice: { level, problem, action: null } });
  }
}
