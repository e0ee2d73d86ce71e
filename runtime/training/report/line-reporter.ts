/** One line an epoch on the standard output; warnings on the standard error. For pipes, files and CI. */

import { formatEpoch } from "./format.ts";
import type { EpochReport, Reporter } from "./reporter.ts";

/** Where text goes; `process.stdout` and `process.stderr` have the form. */
export interface TextSink {
  write(text: string): unknown;
}

/** A stream that shows a progress bar: `process.stderr`. Declared here so that trainers' types need none of Node's. */
export interface Terminal extends TextSink {
  readonly isTTY: boolean;
}

export class LineReporter implements Reporter {
  readonly wantsProgress: boolean = false;
  readonly #out: TextSink;
  readonly #errors: TextSink;

  constructor(out: TextSink, errors: TextSink) {
    this.#out = out;
    this.#errors = errors;
  }

  epochBegin(_epoch: number, _epochs: number, _batches: number): void {}

  progress(_batch: number, _logs: Readonly<Record<string, number>>): void {}

  epochEnd(report: EpochReport): void {
    this.#out.write(`${formatEpoch(report)}\n`);
  }

  message(text: string): void {
    this.#out.write(`${text}\n`);
  }

  warn(text: string): void {
    this.#errors.write(`warning: ${text}\n`);
  }

  close(): void {}
}
