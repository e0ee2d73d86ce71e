/** Runs lowered programs with the reference interpreter, for the tests of this folder. */

import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { lowerSound } from "./lowering.ts";

export type Tensors = Readonly<Record<string, readonly number[]>>;

export interface RunOptions {
  readonly n?: number;
  /** Hypers and counters by name. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** Every graph of a program, verified. */
export function graphsOf(program: LoweredProgram): Graph[] {
  const { init, predict, training, statistics } = program;
  const graphs = [init, predict, ...statistics.map(({ body }) => body)];
  if (training !== null) graphs.push(training.train, training.evaluate, training.readout);
  for (const graph of graphs) verifyGraph(graph);
  return graphs;
}

/** Runs one graph; leaves by path, those not given have their initial values. */
export function run(
  program: LoweredProgram,
  graph: Graph,
  leaves: Tensors,
  { n = 1, scalars = {} }: RunOptions = {},
): { results: Record<string, number[]>; assigned: Record<string, number[]> } {
  const fresh = interpret(program.init, {
    n,
    seed: 1,
    leaf: () => {
      throw new Error("initial values read a leaf");
    },
  });
  const outcome = interpret(graph, {
    n,
    seed: 1,
    leaf: (role, path) => {
      if (role === "hyper" || role === "counter") return [scalars[path] ?? 0];
      const key = role === "gradient" ? `gradient ${path}` : path;
      const value = leaves[key] ?? fresh.results.get(path);
      if (value === undefined) throw new Error(`no value for the ${role} ${path}`);
      return value;
    },
  });
  const assigned: Record<string, number[]> = {};
  for (const { target, data } of outcome.assignments) {
    if (target.node.kind === "leaf") assigned[target.node.path] = [...data];
  }
  const results = Object.fromEntries([...outcome.results].map(([name, data]) => [name, [...data]]));
  return { results, assigned };
}

/** The outputs of a model, from text, inputs and maybe params. */
export function predict(text: string, leaves: Tensors, n = 1): Record<string, number[]> {
  const program = lowerSound(text);
  graphsOf(program);
  return run(program, program.predict, leaves, { n }).results;
}

/** The value of one expression of inputs: `x: f32[N, 3]` and so on. */
export function evaluateExpression(
  inputs: Readonly<Record<string, string>>,
  body: string,
  leaves: Tensors,
  n = 1,
): number[] {
  const declared = Object.entries(inputs).map(([name, type]) => `  input ${name}: ${type}`);
  const text = `model M {\n${declared.join("\n")}\n${body}\n  output result = y\n}\n`;
  return predict(text, leaves, n).result!;
}
