/** Where the command line writes to; tests collect instead. */

import type { TextSink } from "../../runtime/training/report/line-reporter.ts";

export interface Streams {
  readonly out: TextSink;
  readonly errors: TextSink;
  /** Whether diagnostics may be coloured. */
  readonly color: boolean;
}

/** Colours only on a terminal, and not where https://no-color.org asks for none. */
export function processStreams(): Streams {
  const color = process.stderr.isTTY === true && !process.env.NO_COLOR;
  return { out: process.stdout, errors: process.stderr, color };
}
