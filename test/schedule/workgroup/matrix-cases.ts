/** Graphs whose products have their operands rounded, as matrix units take them. */

import { loadsOf } from "../../../compiler/graph/context.ts";
import { type NarrowFloat, roundToNarrow } from "../../../compiler/graph/narrow-floats.ts";
import type { LoadScalar, Value } from "../../../compiler/graph/node.ts";
import { rewriteGraph } from "../../../compiler/graph/rewrite.ts";
import { identityIndex } from "../../../compiler/optimize/fusion/copies.ts";
import { tiledContraction } from "../../../compiler/optimize/fusion/tiled-contraction.ts";
import type { GraphCase } from "../schedule-case.ts";

/** Has the operands of products in a narrow float: leaves are of it, other values stored rounded. */
export function withNarrowOperands(test: GraphCase, dtype: NarrowFloat): GraphCase {
  const { context } = test;
  const stored = (value: Value): Value => {
    const { node, shape } = value;
    if (node.kind === "leaf") return context.leaf(node.role, `${node.path}.${dtype}`, dtype, shape);
    const element = context.load(value, identityIndex(shape.length));
    return context.compute({ parallel: shape, body: context.cast(element, dtype) }).values[0]!;
  };
  const narrow = ({ value, index, guard }: LoadScalar) =>
    context.cast(context.load(stored(value), index, guard), "f32");
  const graph = rewriteGraph(context, test.graph, (node) => {
    if (node.kind !== "compute") return undefined;
    if (tiledContraction(node, test.graph.batchMax) === undefined) return undefined;
    const factors = loadsOf(node.body).map(narrow);
    const { parallel, reduction, where } = node;
    const body = context.call("multiply", factors[0]!, factors.at(-1)!);
    return context.compute({ parallel, reduction, reducer: "sum", where, body }).values;
  });
  const leaf: GraphCase["leaf"] = (role, path) => test.leaf(role, path.replace(`.${dtype}`, ""));
  return { ...test, graph, leaf };
}

/** What units make of a number: halves to nearest, ties to even; tf32's 10 bits of fraction to nearest, ties away. */
export function roundOperand(value: number, operands: "tf32" | NarrowFloat): number {
  if (operands !== "tf32") return roundToNarrow(value, operands);
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0]! + 0x1000) & ~0x1fff;
  return new Float32Array(bits.buffer)[0]!;
}
