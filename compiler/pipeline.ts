/**
 * The pass pipeline: every stage from lowering to kernels is a record run by `runPass`, which times it, checks
 * its result and prints it, so that no pass can escape logging or checking. Time and output come from the
 * caller: the compiler itself reads no clock and writes nowhere.
 */

import type { GraphContext } from "./graph/context.ts";

/** How the output of a pass is checked and shown. */
export interface Form<T> {
  /** Throws an `InvariantError` where the value breaks the form's invariants. */
  readonly verify: (value: T) => void;
  /** The same text for the same value, run after run. */
  readonly print: (value: T) => string;
}

export interface Pass<Input, Output> {
  /** A verb and what it acts on, in kebab case: `fold-constants`; `--print after-<name>` shows its output. */
  readonly name: string;
  /** Why it stands where it stands. */
  readonly why: string;
  readonly run: (context: GraphContext, input: Input) => Output;
  readonly form: Form<Output>;
}

export interface PassTiming {
  readonly pass: string;
  /** What it ran on: the graph's name. */
  readonly subject: string;
  readonly milliseconds: number;
}

export interface PassOptions {
  /** Verify after every pass. */
  readonly verify?: boolean;
  /** Names of passes whose output is printed. */
  readonly print?: ReadonlySet<string>;
  /** Takes what is printed. */
  readonly write?: (text: string) => void;
  /** Milliseconds from any origin. */
  readonly now?: () => number;
}

/** What one compilation asks of its passes, and what it learns from them. */
export class PassMonitor {
  readonly verify: boolean;
  readonly print: ReadonlySet<string>;
  readonly write: (text: string) => void;
  readonly now: () => number;
  readonly #timings: PassTiming[] = [];

  constructor({ verify = false, print = new Set(), write = () => {}, now = () => 0 }: PassOptions) {
    this.verify = verify;
    this.print = print;
    this.write = write;
    this.now = now;
  }

  /** In the order the passes ran. */
  get timings(): readonly PassTiming[] {
    return this.#timings;
  }

  record(timing: PassTiming): void {
    this.#timings.push(timing);
  }
}

/** Runs one pass: timed, then verified and printed as the monitor asks. */
export function runPass<Input, Output>(
  monitor: PassMonitor,
  context: GraphContext,
  subject: string,
  pass: Pass<Input, Output>,
  input: Input,
): Output {
  const start = monitor.now();
  const output = pass.run(context, input);
  monitor.record({ pass: pass.name, subject, milliseconds: monitor.now() - start });
  if (monitor.verify) pass.form.verify(output);
  if (monitor.print.has(pass.name)) {
    const unchanged = (output as unknown) === input;
    const text = unchanged ? "unchanged\n" : pass.form.print(output);
    monitor.write(`after-${pass.name} ${subject}:\n${text}`);
  }
  return output;
}
