/** Products with maps on their results, as graphs with data: layers with dropout, optimizer updates. */

import { addAffine, axisAffine, scaleAffine } from "../../../compiler/graph/affine.ts";
import { GraphContext } from "../../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed } from "../../../compiler/graph/extent.ts";
import type { LeafRole, Scalar, Value } from "../../../compiler/graph/node.ts";
import { type Algebra, algebraOf } from "../../../compiler/graph/scalar-functions.ts";
import { type ProductCase, randomNumbers } from "../contraction-cases.ts";

/** A dense layer with the given activation and dropout by a half. */
export function dense(
  inputs: number,
  outputs: number,
  n: number,
  batchMax: number,
  activation: (f: Algebra<Scalar>, x: Scalar) => Scalar,
): ProductCase {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const place = [axisAffine(0), axisAffine(1)];
  const x = context.leaf("param", "x", "f32", [batchExtent, fixed(inputs)]);
  const w = context.leaf("param", "w", "f32", [fixed(inputs), fixed(outputs)]);
  const b = context.leaf("param", "b", "f32", [fixed(outputs)]);
  const rate = context.leaf("scalar", "0", "f32", []);
  const shape = [batchExtent, fixed(outputs)];
  const product = context.compute({
    parallel: shape,
    reduction: [fixed(inputs)],
    reducer: "sum",
    body: f.multiply(
      context.load(x, [axisAffine(0), axisAffine(2)]),
      context.load(w, [axisAffine(2), axisAffine(1)]),
    ),
  }).values[0]!;
  const map = (body: Scalar) => context.compute({ parallel: shape, body }).values[0]!;
  const at = (value: Value) => context.load(value, place);
  const h = map(activation(f, f.add(at(product), context.load(b, [axisAffine(1)]))));
  const index = addAffine(scaleAffine(axisAffine(0), outputs), axisAffine(1));
  const kept = context.call("less", context.random("dropout", index), f.number(0.5));
  const y = map(
    context.call("select", kept, f.multiply(at(h), context.load(rate, [])), f.number(0)),
  );
  const graph = {
    name: "dense",
    batchMax,
    results: [
      { name: "h", value: h },
      { name: "y", value: y },
    ],
    assignments: [],
  };
  const values: Readonly<Record<string, Value>> = { x, w, b, "0": rate };
  const leaf = (_role: LeafRole, path: string) =>
    randomNumbers(path, elementsAt(values[path]!.shape, batchMax));
  return { context, graph, n, leaf };
}

/** Adam's update of w[inputs, outputs] by the gradient Σ x·d. */
export function adam(inputs: number, outputs: number, n: number, batchMax: number): ProductCase {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const x = context.leaf("param", "x", "f32", [batchExtent, fixed(inputs)]);
  const d = context.leaf("param", "d", "f32", [batchExtent, fixed(outputs)]);
  const shape = [fixed(inputs), fixed(outputs)];
  const w = context.leaf("param", "w", "f32", shape);
  const m = context.leaf("state", "m", "f32", shape);
  const v = context.leaf("state", "v", "f32", shape);
  const gradient = context.compute({
    parallel: shape,
    reduction: [batchExtent],
    reducer: "sum",
    body: f.multiply(
      context.load(x, [axisAffine(2), axisAffine(0)]),
      context.load(d, [axisAffine(2), axisAffine(1)]),
    ),
  }).values[0]!;
  const map = (body: Scalar) => context.compute({ parallel: shape, body }).values[0]!;
  const at = (value: Value) => context.load(value, [axisAffine(0), axisAffine(1)]);
  const mix = (old: Value, rate: number, next: Scalar) =>
    map(f.add(f.multiply(at(old), f.number(rate)), f.multiply(next, f.number(1 - rate))));
  const newM = mix(m, 0.9, at(gradient));
  const newV = mix(v, 0.99, f.multiply(at(gradient), at(gradient)));
  const step = f.divide(at(newM), f.add(f.call("sqrt", at(newV)), f.number(1e-3)));
  const newW = map(f.subtract(at(w), f.multiply(f.number(0.01), step)));
  const graph = {
    name: "adam",
    batchMax,
    results: [],
    assignments: [
      { target: w, value: newW },
      { target: m, value: newM },
      { target: v, value: newV },
    ],
  };
  const values: Readonly<Record<string, Value>> = { x, d, w, m, v };
  const leaf = (_role: LeafRole, path: string) => {
    const numbers = randomNumbers(path, elementsAt(values[path]!.shape, batchMax));
    // Second moments are not negative.
    return path === "v" ? numbers.map(Math.abs) : numbers;
  };
  return { context, graph, n, leaf };
}
