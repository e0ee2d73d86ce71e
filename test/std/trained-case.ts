/** Losses and metrics of columns where a train block computes them, in the reference interpreter. */

import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { checkGradient } from "../autodiff/check-gradient.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";

export interface Column {
  /** Of one row: `f32[3]`. */
  readonly type: string;
  readonly data: readonly number[];
}

export interface TrainedCase {
  /** `p` is the model's output. */
  readonly columns: Readonly<Record<string, Column>>;
  readonly loss?: string;
  /** Entries with names: `m = AUC()(t, p)`. */
  readonly metrics?: readonly string[];
  /** A column. */
  readonly weight?: string;
  /** What the model makes of its input `p`. */
  readonly output?: string;
  readonly declarations?: string;
}

/** A model whose output `p` is its input, plus a param that is 0. */
function lowered({
  columns,
  loss = "mean(p)",
  metrics = [],
  weight,
  output,
  declarations,
}: TrainedCase) {
  const declared = Object.entries(columns).map(([name, { type }]) => {
    const column = name === "p" ? "given" : name;
    return `    ${column}: ${type} = npy("${name}.npy")`;
  });
  const { type } = columns.p!;
  const input = type.includes("[") ? type.replace("[", "[N, ") : `${type}[N]`;
  return lowerSound(`
${declarations ?? ""}
model M {
  input given: ${input}
  param zero: f32 = 0.0
  output p = ${output ?? "given + zero"}
}
data d {
  train {
${declared.join("\n")}
  }
}
train M on d {
  loss ${loss}
  optimizer SGD()
${metrics.length > 0 ? `  metrics ${metrics.join(", ")}` : ""}
${weight === undefined ? "" : `  sample_weight ${weight}`}
}`);
}

const named = (columns: TrainedCase["columns"]): Record<string, readonly number[]> =>
  Object.fromEntries(
    Object.entries(columns).map(([name, { data }]) => [name === "p" ? "given" : name, data]),
  );

/** The loss over all rows. */
export function lossOf(given: TrainedCase, n: number): number {
  const { training } = lowered(given);
  const graph: Graph = { ...training!.train, assignments: [] };
  const data = { ...named(given.columns), "M/zero": [0] };
  return interpret(graph, { n, leaf: (_, path) => data[path as keyof typeof data]! }).results.get(
    "loss",
  )![0]!;
}

/** The derivatives of the loss by the predictions, held to finite differences unless they stand at a kink. */
export function predictionGradient(given: TrainedCase, n: number, isSmooth = true): number[] {
  const { context, training, predict } = lowered(given);
  const loss = training!.train.results[0]!.value;
  const leaf = [...new Set(predict.results.flatMap(({ value }) => leavesOf(value)))].find(
    ({ node }) => node.kind === "leaf" && node.path === "given",
  )!;
  const gradients = gradientsOf(context, loss, [leaf], n + 2);
  const data: Record<string, readonly number[]> = { ...named(given.columns), "M/zero": [0] };
  const environment = { n, leaf: (_: unknown, path: string) => Float64Array.from(data[path]!) };
  if (isSmooth) checkGradient(loss, gradients, environment);
  const results = [{ name: "gradient", value: gradients.get(leaf)! }];
  const graph: Graph = { name: "gradient", batchMax: n + 2, results, assignments: [] };
  return [...interpret(graph, environment).results.get("gradient")!];
}

type Value = Parameters<typeof gradientsOf>[1];

function leavesOf(value: Value): Value[] {
  return value.node.kind === "leaf" ? [value] : value.node.operands.flatMap(leavesOf);
}

/** What is read out after batches of the given sizes. */
export function metricsOf(given: TrainedCase, batches: readonly number[]): Record<string, number> {
  const program = lowered(given);
  const { evaluate, readout } = program.training!;
  const rows = batches.reduce((a, b) => a + b, 0);
  let states: Record<string, number[]> = {};
  let start = 0;
  for (const n of batches) {
    const part = Object.entries(named(given.columns)).map(([name, data]) => {
      const width = data.length / rows;
      return [name, data.slice(start * width, (start + n) * width)] as const;
    });
    start += n;
    const { assigned } = run(program, evaluate, { ...states, ...Object.fromEntries(part) }, { n });
    states = { ...states, ...assigned };
  }
  const { results } = run(program, readout, states);
  return Object.fromEntries(Object.entries(results).map(([name, [value]]) => [name, value!]));
}
