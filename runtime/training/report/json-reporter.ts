/** One JSON object a line on the standard output, for machines: `{"event":"epoch",…}`. */

import type { TextSink } from "./line-reporter.ts";
import type { EpochReport, Reporter } from "./reporter.ts";

export class JsonReporter implements Reporter {
  readonly wantsProgress = false;
  readonly #out: TextSink;
  readonly #errors: TextSink;

  constructor(out: TextSink, errors: TextSink) {
    this.#out = out;
    this.#errors = errors;
  }

  epochBegin(_epoch: number, _epochs: number, _batches: number): void {}

  progress(_batch: number, _logs: Readonly<Record<string, number>>): void {}

  epochEnd({ epoch, epochs, batches, seconds, logs }: EpochReport): void {
    this.#line({ event: "epoch", epoch: epoch + 1, epochs, batches, seconds, ...logs });
  }

  message(text: string): void {
    this.#line({ event: "message", text });
  }

  warn(text: string): void {
    this.#errors.write(`warning: ${text}\n`);
  }

  close(): void {}

  /** JSON has no NaN: `JSON.stringify` writes null for what is not finite. */
  #line(value: object): void {
    this.#out.write(`${JSON.stringify(value)}\n`);
  }
}
