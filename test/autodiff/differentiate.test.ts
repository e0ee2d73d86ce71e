import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { elementsAt } from "../../compiler/graph/extent.ts";
import { evaluateValues, type InterpretEnvironment } from "../../compiler/graph/interpret.ts";
import type { Value } from "../../compiler/graph/node.ts";
import { uniformAt } from "../../compiler/graph/threefry.ts";
import { randomGraph } from "../graph/random-graph.ts";

/**
 * Compares the derivative of `loss` by `params` with central differences in float64 along a random direction:
 * ⟨∇loss, t⟩ = (loss(w + εt) − loss(w − εt)) / 2ε. Two step sizes tell a kink from an error.
 */
function checkGradient(
  loss: Value,
  gradients: ReadonlyMap<Value, Value>,
  environment: InterpretEnvironment,
): void {
  const directions = new Map<string, Float64Array>();
  let expected = 0;
  const computed = evaluateValues([...gradients.values()], environment);
  for (const [param, gradient] of gradients) {
    if (param.node.kind !== "leaf") continue;
    const { path } = param.node;
    const direction = Float64Array.from(
      { length: elementsAt(param.shape, environment.n) },
      (_, i) => 2 * uniformAt(11, path.length, path.charCodeAt(path.length - 1), i) - 1,
    );
    directions.set(path, direction);
    const data = computed.get(gradient)!;
    direction.forEach((t, i) => {
      expected += t * data[i]!;
    });
  }
  const lossAt = (epsilon: number): number => {
    const moved = evaluateValues([loss], {
      ...environment,
      leaf(role, path) {
        const data = environment.leaf(role, path);
        const direction = role === "param" ? directions.get(path) : undefined;
        if (direction === undefined) return data;
        return Float64Array.from(direction, (t, i) => data[i]! + epsilon * t);
      },
    });
    return moved.get(loss)![0]!;
  };
  const slope = (epsilon: number) => (lossAt(epsilon) - lossAt(-epsilon)) / (2 * epsilon);
  const tolerance = 1e-6 * (1 + Math.abs(expected));
  if (Math.abs(slope(1e-5) - expected) > tolerance) {
    expect(Math.abs(slope(1e-7) - expected)).toBeLessThan(100 * tolerance);
  }
}

describe("derivatives of random graphs", () => {
  test("agree with finite differences", () => {
    fc.assert(
      fc.property(randomGraph({ smooth: true }), ({ context, graph, n, leaf, params }) => {
        const loss = graph.results.find((result) => result.name === "loss")!.value;
        const gradients = gradientsOf(context, loss, params, graph.batchMax);
        checkGradient(loss, gradients, { n, seed: 3, batch: 1, leaf });
      }),
      { numRuns: 300 },
    );
  });
});
