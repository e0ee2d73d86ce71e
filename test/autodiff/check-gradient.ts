/**
 * Compares derivatives with central differences in float64 along a random direction t:
 *
 *     ⟨∇loss, t⟩ = (loss(w + εt) − loss(w − εt)) / 2ε
 *
 * The loss should weigh its parts by a random cotangent, lest errors of opposite signs cancel.
 */

import { expect } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { axisAffine } from "../../compiler/graph/affine.ts";
import type { GraphContext } from "../../compiler/graph/context.ts";
import { elementsAt } from "../../compiler/graph/extent.ts";
import { evaluateValues, type InterpretEnvironment } from "../../compiler/graph/interpret.ts";
import type { LeafRole, Value } from "../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";

export function checkGradient(
  loss: Value,
  gradients: ReadonlyMap<Value, Value>,
  environment: InterpretEnvironment,
): void {
  const directions = new Map<string, Float64Array>();
  let expected = 0;
  const computed = evaluateValues([...gradients.values()], environment);
  for (const [leaf, gradient] of gradients) {
    if (leaf.node.kind !== "leaf") continue;
    const key = `${leaf.node.role} ${leaf.node.path}`;
    const size = elementsAt(leaf.shape, environment.n);
    const stream = hash32(key);
    const direction = Float64Array.from(
      { length: size },
      (_, i) => 2 * uniformAt(11, stream, 0, i) - 1,
    );
    directions.set(key, direction);
    const data = computed.get(gradient)!;
    for (const [i, t] of direction.entries()) expected += t * data[i]!;
  }
  const lossAt = (epsilon: number): number => {
    const leaf = (role: LeafRole, path: string) => {
      const data = environment.leaf(role, path);
      const direction = directions.get(`${role} ${path}`);
      return direction?.map((t, i) => data[i]! + epsilon * t) ?? data;
    };
    return evaluateValues([loss], { ...environment, leaf }).get(loss)![0]!;
  };
  const slope = (epsilon: number) => (lossAt(epsilon) - lossAt(-epsilon)) / (2 * epsilon);
  const tolerance = 1e-6 * (1 + Math.abs(expected));
  // A second step size tells a kink within the first from an error.
  if (!(Math.abs(slope(1e-5) - expected) < tolerance)) {
    expect(Math.abs(slope(1e-7) - expected)).toBeLessThan(100 * tolerance);
  }
}

/** Σ cotangent · value with a cotangent of random numbers, which do not depend on the batch. */
export function weighted(context: GraphContext, value: Value): Value {
  const place = value.shape.map((_, axis) => axisAffine(axis));
  const cotangent = context.leaf("state", `cotangent ${value.node.id}`, value.dtype, value.shape);
  const body = context.call("multiply", context.load(value, place), context.load(cotangent, place));
  return context.compute({ parallel: [], reduction: value.shape, reducer: "sum", body }).values[0]!;
}

/** Random leaves in [-1, 1), by path, unless given. */
export function randomLeaves(
  given: Readonly<Record<string, readonly number[]>> = {},
): InterpretEnvironment["leaf"] {
  const drawn = new Map<string, ArrayLike<number>>(Object.entries(given));
  return (_, path) => {
    const known = drawn.get(path);
    if (known !== undefined) return known;
    const stream = hash32(path);
    const data = Float64Array.from({ length: 1024 }, (_, i) => 2 * uniformAt(3, stream, 0, i) - 1);
    drawn.set(path, data);
    return data;
  };
}

/** Checks the derivatives of a weighted sum of a value's elements by leaves. */
export function checkDerivatives(
  context: GraphContext,
  value: Value,
  leaves: readonly Value[],
  n: number,
  given: Readonly<Record<string, readonly number[]>> = {},
): ReadonlyMap<Value, Value> {
  const loss = weighted(context, value);
  const gradients = gradientsOf(context, loss, leaves, n + 2);
  checkGradient(loss, gradients, { n, leaf: randomLeaves(given) });
  return gradients;
}
