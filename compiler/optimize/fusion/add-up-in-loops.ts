/**
 * Sums over all rows and steps of what a loop stacks are added up by the loop, for each row, where the stack is too large
 * for a cache: the loop has the step's part in registers, where a pass over the stack would read all of it from memory.
 *
 *     scan t < 200 { z = …; stack z }; s = sum[n, t] z[n, t]      becomes      scan t < 200 { z = …; a ← a + z }; s = sum[n] a[n]
 */

import { axesOf, axisAffine, bareAxis } from "../../graph/affine.ts";
import type { GraphContext } from "../../graph/context.ts";
import { isFixed, type Shape } from "../../graph/extent.ts";
import { throughLoops } from "../../graph/loops.ts";
import type { Carry, Compute, Graph, Node, Scan, Value } from "../../graph/node.ts";
import { knownNodes, rewriteGraph } from "../../graph/rewrite.ts";
import type { TargetDescription } from "../target-description.ts";
import { bytesOf } from "./gain.ts";

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function addUpInLoops(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  return throughLoops((_, each) => addUp(context, each, target))(context, graph);
}

function addUp(context: GraphContext, graph: Graph, { cacheBytes }: TargetDescription): Graph {
  const sums = new Map<Node, Value>();
  for (const node of knownNodes(context, graph)) {
    const stack = node.kind === "compute" ? summedStack(node) : undefined;
    if (stack !== undefined && bytesOf(stack, graph.batchMax) > cacheBytes[1]) {
      sums.set(node, stack);
    }
  }
  if (sums.size === 0) return graph;
  const stacks = new Set(sums.values());
  const totals = new Map<Value, Value>();
  return rewriteGraph(context, graph, (node, original) => {
    if (node.kind === "scan" && original.kind === "scan") {
      const summed = original.values.filter((value) => stacks.has(value));
      return summed.length === 0 ? undefined : withTotals(context, node, original, summed, totals);
    }
    const stack = sums.get(original);
    return stack && [sumOverRows(context, original as Compute, totals.get(stack)!)];
  });
}

/** The stack whose elements a node adds up over all rows and steps, the other dimensions as they are. */
function summedStack({ parallel, reduction, reducer, where, body }: Compute): Value | undefined {
  if (reducer !== "sum" || where.kind !== "true" || reduction.length !== 2) return undefined;
  if (body.kind !== "load" || body.guard.kind !== "true") return undefined;
  const { value, index } = body;
  const { node } = value;
  if (node.kind !== "scan" || value.dtype !== "f32" || isFixed(value.shape[0]!)) return undefined;
  const stack = node.stacks[value.result - node.carries.length];
  const [term, ...others] = stack?.place.terms ?? [];
  const isEachStep = term?.atom.kind === "step" && Math.abs(term.coefficient) === 1;
  if (stack === undefined || !isEachStep || others.length > 0) return undefined;
  if (!stack.value.node.loops.has(node.loop)) return undefined;
  const [rows, step, ...rest] = index.map(bareAxis);
  const over = new Set([rows, step]);
  const isAll = parallel.length === rest.length && rest.every((axis, d) => axis === d);
  const isOverBoth = reduction.every((_, r) => over.has(parallel.length + r));
  return isAll && isOverBoth && axesOf(index[1]!).size === 1 ? value : undefined;
}

/** The loop that adds up these stacks as well: its other values. What the sums are is put into `totals`, by stack. */
function withTotals(
  context: GraphContext,
  scan: Scan,
  original: Scan,
  summed: readonly Value[],
  totals: Map<Value, Value>,
): readonly Value[] {
  const { loop, length, recompute, carries, stacks } = scan;
  const more = summed.map(({ result }, i): Carry => {
    const { value } = stacks[result - carries.length]!;
    const { shape, dtype } = value;
    const leaf = context.carry(loop, carries.length + i, dtype, shape);
    const init = context.compute({ parallel: shape, body: context.constant(0, dtype) });
    const here = shape.map((_, axis) => axisAffine(axis));
    const body = context.call("add", context.load(leaf, here), context.load(value, here));
    const next = context.compute({ parallel: shape, body });
    for (const made of [init, next]) context.inheritOrigins(made, original);
    return { leaf, init: init.values[0]!, next: next.values[0]! };
  });
  const all = context.scan({ loop, length, recompute, carries: [...carries, ...more], stacks });
  context.inheritOrigins(all, original);
  summed.forEach((stack, i) => {
    totals.set(stack, all.values[carries.length + i]!);
  });
  return all.values.toSpliced(carries.length, more.length);
}

function sumOverRows(context: GraphContext, { parallel, reduction }: Compute, total: Value): Value {
  const rows: Shape = reduction.filter((extent) => !isFixed(extent));
  const at = [parallel.length, ...parallel.map((_, d) => d)].map((axis) => axisAffine(axis));
  const body = context.load(total, at);
  return context.compute({ parallel, reduction: rows, reducer: "sum", body }).values[0]!;
}
