/** What the commands of a trainer need of the world; tests give them a world of their own. */

import type { Column } from "../../data/column.ts";
import type { Device } from "../../devices/device.ts";
import type { ColumnSource, TrainerDefinition } from "../../plan.ts";
import { JsonReporter } from "../report/json-reporter.ts";
import { LineReporter, type Terminal, type TextSink } from "../report/line-reporter.ts";
import type { Reporter } from "../report/reporter.ts";

export interface CommandEnvironment {
  readonly definition: TrainerDefinition;
  /** Names the files a run writes: `digits` gives `digits.checkpoint.safetensors`. */
  readonly name: string;
  /** Paths in the model are relative to it. */
  readonly dataFolder: string;
  readonly openDevice: (threads: number) => Promise<Device>;
  readonly readColumns: (
    sources: readonly ColumnSource[],
    folder: string,
  ) => Promise<readonly Column[]>;
  readonly out: TextSink;
  readonly errors: TextSink;
  /** Shows a progress bar; absent where the standard error is no terminal. */
  readonly terminal?: Terminal | undefined;
  /** Calls back when the user or the system wants the process to end; gives a function that stops listening. */
  readonly onInterrupt: (listener: (signal: "SIGINT" | "SIGTERM") => void) => () => void;
}

/** The environment of a process, as far as it does not depend on the model. */
export function processEnvironment(): Pick<
  CommandEnvironment,
  "out" | "errors" | "terminal" | "onInterrupt"
> {
  return {
    out: process.stdout,
    errors: process.stderr,
    terminal: process.stderr.isTTY ? process.stderr : undefined,
    onInterrupt: (listener) => {
      const signals = ["SIGINT", "SIGTERM"] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}

export async function chooseReporter(
  environment: CommandEnvironment,
  json: boolean,
): Promise<Reporter> {
  const { out, errors, terminal } = environment;
  if (json) return new JsonReporter(out, errors);
  if (terminal === undefined) return new LineReporter(out, errors);
  // Loaded only where it is shown: it costs some start-up time.
  const { BarReporter } = await import("../report/bar-reporter.ts");
  return new BarReporter(out, terminal);
}
