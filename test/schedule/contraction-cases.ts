/** Products in einsum notation as graphs with data. */

import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, elementsAt, fixed } from "../../compiler/graph/extent.ts";
import type { Graph, LeafRole } from "../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";

type Letter = "m" | "n" | "k" | "b";

export interface Case {
  /** As einsum: `mk,kn->mn`. */
  readonly letters: string;
  readonly sizes: Partial<Record<Letter, number | "N">>;
  /** Rows in the batch and their maximum, where a size is N. */
  readonly batch?: readonly [n: number, max: number];
  /** Operands that are columns of the data, `a` or `b`: their first dimension is that of rows of the batch. */
  readonly columns?: string;
}

export interface ProductCase {
  readonly context: GraphContext;
  readonly graph: Graph;
  readonly n: number;
  readonly leaf: (role: LeafRole, path: string) => Float64Array;
}

export function productCase({ letters, sizes, batch = [1, 1], columns = "" }: Case): ProductCase {
  const [n, batchMax] = batch;
  const [inputs, output] = letters.split("->") as [string, string];
  const [left, right] = inputs.split(",") as [string, string];
  const extent = (letter: string): Extent => {
    const size = sizes[letter as Letter]!;
    return size === "N" ? batchExtent : fixed(size);
  };
  const context = new GraphContext();
  const summed = [...new Set(left + right)].filter((letter) => !output.includes(letter));
  const axisOf = new Map([...output, ...summed].map((letter, axis) => [letter, axis]));
  const operand = (path: string, names: string) => {
    const role = columns.includes(path) ? "input" : "param";
    const value = context.leaf(role, path, "f32", [...names].map(extent));
    return context.load(
      value,
      [...names].map((letter) => axisAffine(axisOf.get(letter)!)),
    );
  };
  const product = context.compute({
    parallel: [...output].map(extent),
    reduction: summed.map(extent),
    reducer: "sum",
    body: context.call("multiply", operand("a", left), operand("b", right)),
  });
  const graph = {
    name: "product",
    batchMax,
    results: [{ name: "y", value: product.values[0]! }],
    assignments: [],
  };
  const leaf = (_role: LeafRole, path: string) => {
    const count = elementsAt([...(path === "a" ? left : right)].map(extent), batchMax);
    return randomNumbers(path, count);
  };
  return { context, graph, n, leaf };
}

/** Float32 numbers in −1 … 1, known by a name. */
export function randomNumbers(name: string, count: number): Float64Array {
  const stream = hash32(name);
  return Float64Array.from({ length: count }, (_, i) =>
    Math.fround(2 * uniformAt(1, stream, 0, i) - 1),
  );
}
