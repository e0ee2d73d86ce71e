/**
 * The functions of a trainer that are not kernels, as JavaScript: initial weights, step scalars and the read-out
 * of metrics. See `TrainerDefinition` in `runtime/plan.ts` for what each is given and returns.
 */

import type { TrainerFunctions } from "../../compiled-program.ts";
import { assertExhaustive, invariant } from "../../diagnostics/diagnostic.ts";
import type { GraphContext } from "../../graph/context.ts";
import type { Graph, Leaf, Value } from "../../graph/node.ts";
import { member } from "./dialect.ts";
import { type PreludeFunction, printPrelude } from "./functions.ts";
import { type JavaScriptGraph, printJavaScriptGraph } from "./print-graph.ts";

export interface FunctionGraphs {
  /** Results by path: the initial value of everything that lasts. */
  readonly init: Graph;
  /** For each graph of the device its step scalars, results in order of slots. */
  readonly stepScalars: readonly { readonly graph: string; readonly scalars: Graph }[];
  /** Rank-0 results by name of the metric; null where nothing is trained. */
  readonly readout: Graph | null;
}

export function printTrainerFunctions(
  context: GraphContext,
  { init, stepScalars, readout }: FunctionGraphs,
): TrainerFunctions {
  const prelude: PreludeFunction[] = [];
  const print = (graph: Graph): JavaScriptGraph => {
    const printed = printJavaScriptGraph(context, graph, { leaf: leafText });
    prelude.push(...printed.prelude);
    return printed;
  };
  const initialize = printInitialize(print(init));
  const cases = stepScalars
    .filter(({ scalars }) => scalars.results.length > 0)
    .flatMap(({ graph, scalars }) => printCase(graph, print(scalars)));
  const readMetrics = readout === null ? ["return {};"] : printReadout(print(readout));
  return {
    prelude: printPrelude(prelude),
    initialize: initialize.join("\n"),
    stepScalars: [
      ...(cases.length === 0 ? [] : ["switch (graph) {", ...indent(cases), "}"]),
      "return [];",
    ].join("\n"),
    readMetrics: readMetrics.join("\n"),
  };
}

function leafText({ role, path }: Leaf): string {
  switch (role) {
    case "hyper":
      return member("hypers", path);
    case "counter":
      return member("counters", path);
    case "state":
    case "param":
      return `read(${JSON.stringify(path)})`;
    default:
      invariant(false, `${role} ${path} is not known to a trainer's functions`);
  }
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** Rounds once, to what the tensor holds. */
function printInitialize({ lines, results }: JavaScriptGraph): string[] {
  const usesBatch = lines.some((line) => /\bbatch\b/.test(line));
  return [
    ...(usesBatch ? ["const batch = 0;"] : []),
    ...lines,
    "return {",
    ...results.map(({ name, text, value }) => {
      const type = arrayType(value);
      const made = value.shape.length === 0 ? `${type}.of(${text})` : `${type}.from(${text})`;
      return `  ${JSON.stringify(name)}: ${made},`;
    }),
    "};",
  ];
}

function arrayType({ dtype }: Value): string {
  switch (dtype) {
    case "f32":
    case "f16":
    case "bf16":
      return "Float32Array";
    case "i32":
      return "Int32Array";
    case "u8":
    case "bool":
      return "Uint8Array";
    default:
      return assertExhaustive(dtype);
  }
}

function printCase(graph: string, { lines, results }: JavaScriptGraph): string[] {
  return [
    `case ${JSON.stringify(graph)}: {`,
    ...indent(lines),
    `  return [${results.map(({ text }) => text).join(", ")}];`,
    "}",
  ];
}

function printReadout({ lines, results }: JavaScriptGraph): string[] {
  const members = results.map(({ name, text }) => `  ${JSON.stringify(name)}: ${text},`);
  return [...lines, "return {", ...members, "};"];
}
