/**
 * What is checked: a number made of a function's or a layer's results, or a loss, and its derivative by some leaves. What
 * functions and layers are given is replaced by leaves of their own, so that each is checked for itself.
 */

import { gradientsOf } from "../autodiff/differentiate.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { axisAffine } from "../graph/affine.ts";
import { gradientsOfCall, inlineCalls } from "../graph/calls.ts";
import { type GraphContext, graphNodes } from "../graph/context.ts";
import { isFloat } from "../graph/dtype.ts";
import type { Graph, Node, Scalar, Value } from "../graph/node.ts";
import { mapScalar, replaceOperands, rewriteGraph } from "../graph/rewrite.ts";
import { canonicalise } from "../optimize/canonicalise.ts";
import type { LayerApplication, LoweredProgram, OwnDerivative } from "../semantics/program.ts";

export interface Subject {
  readonly kind: "function" | "layer" | "loss";
  /** Of the function or layer; of the graph that a loss belongs to. */
  readonly name: string;
  /** The layer's; empty for others. */
  readonly path: string;
  readonly span: Span;
  /** What is differentiated: the result `value`. */
  readonly graph: Graph;
  /** Derivatives as the program has them: a result for each of `wanted`, in order. */
  readonly derivatives: Graph;
  /** Where that is another one: the symbolic derivatives of the function's body. */
  readonly symbolic: Graph | null;
  readonly wanted: readonly Wanted[];
}

export interface Wanted {
  /** As reports name it: a param's path, a parameter's name. */
  readonly label: string;
  readonly leaf: Value;
}

export function functionSubject(
  context: GraphContext,
  { name, span, call, parameters }: OwnDerivative,
  batchMax: number,
): Subject {
  const apart = standIns(context, call.inputs, `${call.id}`);
  const primal = substitute(context, call.primal, apart, batchMax);
  const total = weighted(context, primal);
  const gradients = gradientsOfCall(
    context,
    call,
    (result) => weightOf(context, primal[result]!, result),
    batchMax,
  );
  const own = substitute(context, gradients, apart, batchMax);
  // What is given for several parameters is one leaf, whose derivative is that by all of them.
  const given = [...apart].map(([input, leaf]) => {
    const places = call.inputs.flatMap((other, i) => (other === input ? [i] : []));
    const label = [...new Set(places.map((i) => parameters[i]!))].join(", ");
    return {
      label,
      leaf,
      derivative: sumOf(
        context,
        places.map((i) => own[i]!),
      ),
    };
  });
  const graph = graphOf([total], batchMax);
  return {
    kind: "function",
    name,
    path: "",
    span,
    graph: inlineCalls(context, graph),
    derivatives: inlineCalls(
      context,
      graphOf(
        given.map(({ derivative }) => derivative),
        batchMax,
      ),
    ),
    symbolic: derivativesOf(
      context,
      graph,
      given.map(({ leaf }) => leaf),
    ),
    wanted: given,
  };
}

/** Undefined where the layer has no float to differentiate, or stands in a loop. */
export function layerSubject(
  context: GraphContext,
  { name, path, span, inputs, outputs }: LayerApplication,
  batchMax: number,
): Subject | undefined {
  if ([...inputs, ...outputs].some(({ node }) => node.loops.size > 0)) return undefined;
  const results = outputs.filter(({ dtype }) => isFloat(dtype));
  if (results.length === 0) return undefined;
  const floats = inputs.filter(({ dtype }) => isFloat(dtype));
  const apart = standIns(context, floats, path);
  const total = weighted(context, substitute(context, results, apart, batchMax));
  const graph = graphOf([total], batchMax);
  const given = [...apart.values()].map((leaf, i) => ({ label: `input ${i + 1}`, leaf }));
  const wanted = [...given, ...paramsOf(graph)];
  const found = subjectOf(context, graph, wanted);
  return found && { kind: "layer", name, path, span, symbolic: null, ...found };
}

/** A graph's loss by the params that it trains; undefined where it trains none. */
export function lossSubject(
  context: GraphContext,
  graph: Graph,
  { persistent }: LoweredProgram,
): Subject | undefined {
  const loss = graph.results.find(({ name }) => name === "loss")?.value;
  if (loss === undefined) return undefined;
  const trained = graphNodes(graph).flatMap((node) =>
    node.kind === "leaf" && node.role === "gradient" ? [node.path] : [],
  );
  const wanted = persistent
    .filter(({ leaf: { node } }) => node.kind === "leaf" && trained.includes(node.path))
    .map(({ leaf }) => ({ label: leaf.node.kind === "leaf" ? leaf.node.path : "", leaf }));
  const found = subjectOf(context, unscaled(context, graphOf([loss], graph.batchMax)), wanted);
  const span = context.origins(loss.node)[0]?.span ?? { file: "", start: 0, end: 0 };
  return found && { kind: "loss", name: graph.name, path: "", span, symbolic: null, ...found };
}

/** Losses as they are, where an optimizer or a precision has their derivatives scaled, and divides gradients again. */
function unscaled(context: GraphContext, graph: Graph): Graph {
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute") return undefined;
    const body = mapScalar(context, node.body, {
      call: (call) => (call.fn === "scaleGradient" ? call.args[0]! : call),
    });
    return body === node.body ? undefined : context.computeLike(node, body).values;
  });
}

function subjectOf(
  context: GraphContext,
  graph: Graph,
  wanted: readonly Wanted[],
): Pick<Subject, "graph" | "derivatives" | "wanted"> | undefined {
  const reached = new Set(graphNodes(graph));
  const present = wanted.filter(({ leaf }) => reached.has(leaf.node));
  if (present.length === 0) return undefined;
  const leaves = present.map(({ leaf }) => leaf);
  return {
    graph: inlineCalls(context, graph),
    derivatives: derivativesOf(context, graph, leaves),
    wanted: present,
  };
}

/** As the passes make them. */
function derivativesOf(context: GraphContext, graph: Graph, leaves: readonly Value[]): Graph {
  const { value } = canonicalise(context, graph).results[0]!;
  const gradients = gradientsOf(context, value, leaves, graph.batchMax);
  const values = leaves.map((leaf) => gradients.get(leaf)!);
  return inlineCalls(context, graphOf(values, graph.batchMax));
}

function graphOf(values: readonly Value[], batchMax: number): Graph {
  const results = values.map((value, i) => ({ name: String(i), value }));
  return { name: "derivatives", batchMax, results, assignments: [] };
}

function paramsOf(graph: Graph): Wanted[] {
  return graphNodes(graph).flatMap((node) =>
    node.kind === "leaf" && node.role === "param" && isFloat(node.values[0].dtype)
      ? [{ label: node.path, leaf: node.values[0] }]
      : [],
  );
}

/** A leaf in the place of each value. */
function standIns(
  context: GraphContext,
  values: readonly Value[],
  owner: string,
): ReadonlyMap<Value, Value> {
  return new Map(
    values.map((value, i) => {
      const path = `given/${owner}/${i}`;
      return [value, context.leaf("input", path, value.dtype, value.shape)];
    }),
  );
}

/** The values computed from others. */
function substitute(
  context: GraphContext,
  values: readonly Value[],
  given: ReadonlyMap<Value, Value>,
  batchMax: number,
): Value[] {
  const replaced = new Map(given);
  const at = (value: Value): Value => replaced.get(value) ?? value;
  for (const node of graphNodes(graphOf(values, batchMax))) {
    if (node.kind === "leaf") continue;
    const rebuilt: Node = replaceOperands(context, node, at);
    node.values.forEach((value, i) => {
      if (!given.has(value)) replaced.set(value, rebuilt.values[i]!);
    });
  }
  return values.map(at);
}

/** Σ weight · element over all floats: an error in one element is not undone by another's. */
function weighted(context: GraphContext, values: readonly Value[]): Value {
  const zero = context.constant(0, "f32");
  const sums = values.flatMap((value, i) => {
    if (!isFloat(value.dtype)) return [];
    const place = value.shape.map((_, axis) => axisAffine(axis));
    const weight = context.load(weightOf(context, value, i), place);
    const body = context.call("multiply", context.load(value, place), weight);
    const sum = context.compute({ parallel: [], reduction: value.shape, reducer: "sum", body });
    return [context.load(sum.values[0]!, [])];
  });
  const body = sums.reduce<Scalar>((total, sum) => context.call("add", total, sum), zero);
  return context.compute({ parallel: [], body }).values[0]!;
}

function sumOf(context: GraphContext, values: readonly Value[]): Value {
  const [first] = values;
  if (values.length === 1) return first!;
  const place = first!.shape.map((_, axis) => axisAffine(axis));
  const body = values
    .map<Scalar>((value) => context.load(value, place))
    .reduce((sum, value) => context.call("add", sum, value));
  return context.compute({ parallel: first!.shape, body }).values[0]!;
}

function weightOf(context: GraphContext, { dtype, shape }: Value, result: number): Value {
  const type = `${dtype} ${shape.map(({ batch, constant }) => `${batch}N+${constant}`).join(" ")}`;
  return context.leaf("input", `weight/${result} ${type}`, dtype, shape);
}
