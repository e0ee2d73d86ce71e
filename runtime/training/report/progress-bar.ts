/** The bar of everything that takes a while, in one style. For terminals only. */

import progress from "cli-progress";
import type { Terminal } from "./line-reporter.ts";

/** `format` may name `{value}`, `{total}`, `{bar}`, `{eta}` and what `payload` has. */
export function startBar(
  terminal: Terminal,
  format: string,
  total: number,
  payload: Readonly<Record<string, string>> = {},
): progress.SingleBar {
  const bar = new progress.SingleBar({
    stream: terminal as NodeJS.WriteStream,
    format,
    formatBar: progress.Format.BarFormat,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    fps: 20,
  });
  bar.start(total, 0, payload);
  return bar;
}
