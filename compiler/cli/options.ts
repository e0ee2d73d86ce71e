/** Options that several commands share, and how their values are read. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { type Precision, precisions } from "../semantics/precision.ts";

export function countAtLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number above 0.");
}

/** Values of an option that may be repeated. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export interface CompileFlags {
  readonly target?: string;
  readonly march?: string;
  readonly precision?: Precision;
  readonly fusion: boolean;
  readonly winograd: boolean;
  readonly batchSize?: number;
  readonly tuned?: boolean;
}

export function withCompileFlags(command: Command): Command {
  return withModelFlags(command).option(
    "--tuned",
    "take the plans that nnc tune measured on this machine, with --target cpu",
  );
}

/** What says which kernels a model has, before any of them is measured. */
export function withModelFlags(command: Command): Command {
  return command
    .option(
      "--target <name>",
      "cpu, wgsl (WebGPU), cuda (NVIDIA), or auto for the best there is",
      "auto",
    )
    .option("--march <processor>", "processor to compile for: native, x86-64-v3, …")
    .addOption(
      new Option(
        "--precision <type>",
        "what operands of products may be rounded to, in place of the train block's",
      ).choices(precisions),
    )
    .option("--no-fusion", "one kernel for each operation")
    .option("--no-winograd", "sums of products as they stand, with more of them")
    .option("--batch-size <n>", "rows of a batch", countAtLeast(1));
}

export interface RunFlags {
  readonly data?: string;
  readonly threads?: number;
}

export function withRunFlags(command: Command): Command {
  return command
    .option("--data <dir>", "folder that data paths start from; by default the model's")
    .option("--threads <n>", "threads to compute with; all cores by default", countAtLeast(1));
}
