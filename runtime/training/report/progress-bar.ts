/** The bar of everything that takes a while, in one style. For terminals only. */

import progress from "cli-progress";

/** `format` may name `{value}`, `{total}`, `{bar}`, `{eta}` and what `payload` has. */
export function startBar(
  terminal: NodeJS.WriteStream,
  format: string,
  total: number,
  payload: Readonly<Record<string, string>> = {},
): progress.SingleBar {
  const bar = new progress.SingleBar({
    stream: terminal,
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
