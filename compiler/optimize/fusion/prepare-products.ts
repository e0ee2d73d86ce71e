/**
 * Makes the operands of products what register tiles want: floats that lie side by side. A column of the data is
 * gathered once into the rows of the batch, which lie wherever the batch takes them from, unless tiles of one thread read
 * its rows in place; what is only cast on the way into a product is cast once, not again for every tile that reads it.
 */

import type { GraphContext } from "../../graph/context.ts";
import { isNarrowFloat, type NarrowFloat } from "../../graph/narrow-floats.ts";
import type { Compute, Graph, LoadScalar, Scalar } from "../../graph/node.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import type { TargetDescription } from "../target-description.ts";
import { copyOf, identityIndex } from "./copies.ts";
import { isColumn } from "./linear-access.ts";
import { factsOf } from "./node-facts.ts";

/** Needs nothing; adds maps only; values stay the same bits. */
export function prepareProducts(
  context: GraphContext,
  graph: Graph,
  { workgroup }: Pick<TargetDescription, "workgroup">,
): Graph {
  const facts = factsOf(context, graph.batchMax, { workgroup });
  const isReady = (node: Compute) => workgroup === null && facts.contraction(node) !== undefined;
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute" || isReady(node)) return undefined;
    const factors = factorsOf(node);
    if (factors === undefined) return undefined;
    const ready = factors.map((factor) => materialised(context, factor));
    if (ready.every((factor, i) => factor === factors[i])) return undefined;
    const { parallel, reduction, where, reducer } = node;
    const body = context.call("multiply", ...ready);
    return context.compute({ parallel, reduction, where, reducer, body }).values;
  });
}

/** A sum of a product of two loads, of which narrow floats are widened. */
export function isProductSum(node: Compute): boolean {
  return factorsOf(node)?.every((factor) => productOperand(factor) !== undefined) ?? false;
}

/** What a product multiplies: an element of memory, perhaps rounded to a narrow float on the way. */
export interface ProductOperand {
  readonly load: LoadScalar;
  /** Null where the element is multiplied as it lies, though it may be a narrow one. */
  readonly rounding: NarrowFloat | null;
}

/** The operand that a factor is: a load, a narrow one widened, or one rounded and widened; undefined for all else. */
export function productOperand(factor: Scalar): ProductOperand | undefined {
  if (factor.kind === "load") return { load: factor, rounding: null };
  if (factor.kind !== "cast" || !isNarrowFloat(factor.of.dtype)) return undefined;
  const { of: narrow } = factor;
  if (narrow.kind === "load") return { load: narrow, rounding: null };
  if (narrow.kind !== "cast" || narrow.of.kind !== "load") return undefined;
  return narrow.of.dtype === "f32" && isNarrowFloat(narrow.dtype)
    ? { load: narrow.of, rounding: narrow.dtype }
    : undefined;
}

/** The factors of a sum of a product of two operands or casts of loads. */
export function factorsOf({
  reducer,
  body,
}: Pick<Compute, "reducer" | "body">): readonly Scalar[] | undefined {
  if (reducer !== "sum" || body.kind !== "call" || body.fn !== "multiply") return undefined;
  const isFactor = (scalar: Scalar) =>
    (scalar.kind === "cast" && scalar.of.kind === "load") || productOperand(scalar) !== undefined;
  return body.args.every(isFactor) ? body.args : undefined;
}

/** A factor as a load of memory, in its own type or narrow; the same scalar if it is one. */
function materialised(context: GraphContext, factor: Scalar): Scalar {
  const operand = productOperand(factor);
  if (operand === undefined) {
    const { value, index, guard } = (factor as Extract<Scalar, { kind: "cast" }>).of as LoadScalar;
    const whole = context.load(value, identityIndex(value.shape.length));
    const map = context.compute({ parallel: value.shape, body: context.cast(whole, factor.dtype) });
    context.inheritOrigins(map, value.node);
    return context.load(map.values[0]!, index, guard);
  }
  const { value, index, guard } = operand.load;
  return isColumn(value) ? context.load(copyOf(context, value), index, guard) : factor;
}
