/** The command line of the CUDA benchmarks. */

import { parseArgs } from "node:util";
import type { BenchTarget } from "./program.ts";
import type { PartName } from "./report.ts";

export const parts: readonly Exclude<PartName, "machine" | "prepare">[] = [
  "checks",
  "sanitizer",
  "steps",
  "products",
  "traffic",
  "latency",
];
export type Part = (typeof parts)[number];

/** A little less than 8 minutes. */
export const usualSeconds = 460;

export interface RunOptions {
  readonly quick: boolean;
  readonly target: BenchTarget;
  readonly seconds: number;
  readonly only: ReadonlySet<Part>;
  readonly conformance: readonly string[];
  /** Folder of the results; undefined keeps none. */
  readonly out: string | undefined;
  readonly python: string;
}

export const usage = `usage: bench/gpu.sh [options]
  --quick              tiny sizes, to see that everything works
  --device cuda|cpu    cpu: a dry run without a GPU (default: cuda)
  --seconds N          for all of it (default: ${usualSeconds})
  --only PART,PART     of ${parts.join(", ")}
  --conformance DIR    reference cases; may be repeated
  --out DIR            of the results (default: bench/results; of dry runs none are kept)
  --no-save            keep no results
  --python PROGRAM     that has PyTorch and JAX (default: python3)
  --help               print this
`;

/**
 * null if only help is wanted.
 * @throws Error that says what is wrong with the arguments.
 */
export function readOptions(args: readonly string[], defaultOut: string): RunOptions | null {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      quick: { type: "boolean", default: false },
      device: { type: "string", default: "cuda" },
      seconds: { type: "string", default: String(usualSeconds) },
      only: { type: "string", default: parts.join(",") },
      conformance: { type: "string", multiple: true, default: [] },
      out: { type: "string" },
      save: { type: "boolean", default: true },
      python: { type: "string", default: "python3" },
      help: { type: "boolean", default: false },
    },
  });
  const { device, quick, conformance, python } = values;
  if (values.help) return null;
  if (device !== "cuda" && device !== "cpu") throw new Error(`no device ${device}`);
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds takes a number above 0, not ${values.seconds}`);
  const only = values.only.split(",").map((name) => {
    const part = parts.find((known) => known === name);
    if (part === undefined) throw new Error(`no part ${name}`);
    return part;
  });
  const isDry = quick || device === "cpu";
  return {
    quick,
    target: device,
    seconds,
    only: new Set(only),
    conformance,
    out: values.save ? (values.out ?? (isDry ? undefined : defaultOut)) : undefined,
    python,
  };
}
