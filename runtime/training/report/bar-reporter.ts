/** A progress bar while an epoch runs, and its line when it is done. For terminals only. */

import type progress from "cli-progress";
import { formatLogs } from "./format.ts";
import { LineReporter, type Terminal, type TextSink } from "./line-reporter.ts";
import { startBar } from "./progress-bar.ts";
import type { EpochReport } from "./reporter.ts";

export class BarReporter extends LineReporter {
  override readonly wantsProgress = true;
  readonly #terminal: Terminal;
  #bar: progress.SingleBar | undefined;

  /** `terminal` shows the bar; `out` gets the lines, and may be a pipe. */
  constructor(out: TextSink, terminal: Terminal) {
    super(out, terminal);
    this.#terminal = terminal;
  }

  override epochBegin(epoch: number, epochs: number, batches: number): void {
    const format = `Epoch ${epoch + 1}/${epochs}  {value}/{total}  [{bar}]  eta {eta}s  {metrics}`;
    this.#bar = startBar(this.#terminal, format, batches, { metrics: "" });
  }

  override progress(batch: number, logs: Readonly<Record<string, number>>): void {
    this.#bar?.update(batch, { metrics: formatLogs(logs) });
  }

  override epochEnd(report: EpochReport): void {
    this.close();
    super.epochEnd(report);
  }

  override message(text: string): void {
    this.#terminal.write("\r\x1b[K");
    super.message(text);
  }

  override warn(text: string): void {
    this.#terminal.write("\r\x1b[K");
    super.warn(text);
  }

  override close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
