/**
 * The functions of a trainer as JavaScript source: what runs once or once a step, in float64, on every target
 * alike. Initial values, step scalars and metrics come from graphs like everything else.
 */

import type { TrainerFunctions } from "./compiled-program.ts";
import { elementsAt } from "./graph/extent.ts";
import type { Graph, Leaf, Value } from "./graph/node.ts";
import type { PassesResult } from "./passes.ts";
import type { LoweredProgram } from "./semantics/program.ts";
import { type PreludeFunction, printPrelude } from "./targets/javascript/functions.ts";
import { type JavaScriptGraph, printJavaScriptGraph } from "./targets/javascript/print-graph.ts";

/** Prints `initialize`, `stepScalars`, `readMetrics` and what they call. */
export function printTrainerFunctions(
  { context }: LoweredProgram,
  { init, stepScalars, readout }: PassesResult,
): TrainerFunctions {
  const prelude: PreludeFunction[] = [];
  const print = (graph: Graph, leaf: (leaf: Leaf) => string): JavaScriptGraph => {
    const printed = printJavaScriptGraph(context, graph, { leaf });
    prelude.push(...printed.prelude);
    return printed;
  };
  const isFilled = ({ value }: Graph["results"][number]) => !isZeros(value);
  const filled = print({ ...init, results: init.results.filter(isFilled) }, stepNumber);
  const initialize = initializeBody(init, filled);
  const scalars = stepScalarsBody([...stepScalars.values()], (graph) => print(graph, stepNumber));
  const readMetrics =
    readout === null
      ? "return {};"
      : readMetricsBody(print(readout, (leaf) => `read(${quoted(leaf.path)})`));
  return { prelude: printPrelude(prelude), initialize, stepScalars: scalars, readMetrics };
}

function quoted(name: string): string {
  return JSON.stringify(name);
}

/** Run-time numbers and counters as `stepScalars` gets them. */
function stepNumber({ role, path }: Leaf): string {
  return role === "hyper" ? `hypers[${quoted(path)}]` : `counters.${path}`;
}

/** `filled` are the results that are not zeros, of which optimizers have twice as many as there are weights. */
function initializeBody(
  { results, batchMax }: Graph,
  { lines, results: filled, prelude }: JavaScriptGraph,
): string {
  const draws = prelude.some(({ kind }) => kind === "uniform" || kind === "uniforms");
  const texts = new Map(filled.map(({ name, text }) => [name, text]));
  const tensors = results.map(({ name, value: { shape } }) => {
    const elements = elementsAt(shape, batchMax);
    const text = texts.get(name) ?? String(elements);
    const isNumber = shape.length === 0 && texts.has(name);
    const data = isNumber ? `Float32Array.of(${text})` : `new Float32Array(${text})`;
    return `  ${quoted(name)}: ${data},`;
  });
  return [...(draws ? ["const batch = 0;"] : []), ...lines, "return {", ...tensors, "};"].join(
    "\n",
  );
}

function isZeros({ node, shape }: Value): boolean {
  if (node.kind !== "compute" || node.reducer !== null || shape.length === 0) return false;
  return node.body.kind === "constant" && Object.is(node.body.value, 0);
}

function stepScalarsBody(
  graphs: readonly Graph[],
  print: (graph: Graph) => JavaScriptGraph,
): string {
  const cases = graphs
    .filter(({ results }) => results.length > 0)
    .flatMap((graph) => {
      const { lines, results } = print(graph);
      const numbers = results.map(({ text }) => text).join(", ");
      const name = quoted(graph.name.replace(/_scalars$/, ""));
      return [
        `  case ${name}: {`,
        ...lines.map((line) => `    ${line}`),
        `    return [${numbers}];`,
        "  }",
      ];
    });
  if (cases.length === 0) return "return [];";
  return ["switch (graph) {", ...cases, "  default:", "    return [];", "}"].join("\n");
}

function readMetricsBody({ lines, results }: JavaScriptGraph): string {
  const metrics = results.map(({ name, text }) => `  ${quoted(name)}: ${text},`);
  return [...lines, "return {", ...metrics, "};"].join("\n");
}
