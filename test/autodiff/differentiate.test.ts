import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { graphNodes } from "../../compiler/graph/context.ts";
import { elementsAt } from "../../compiler/graph/extent.ts";
import { evaluateValues, type InterpretEnvironment } from "../../compiler/graph/interpret.ts";
import type { Graph, LeafRole, Scalar, Value } from "../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { randomGraph } from "../graph/random-graph.ts";
import { axes } from "../graph/random-steps.ts";

/** The wanted leaves, by role and path: all params, and the float input of random graphs. */
const leavesOf = (graph: Graph): Value[] =>
  graphNodes(graph).flatMap((node) =>
    node.kind === "leaf" && node.values[0].dtype === "f32" ? [...node.values] : [],
  );

/**
 * Compares derivatives of `loss` with central differences in float64 along a random direction t:
 * ⟨∇loss, t⟩ = (loss(w + εt) − loss(w − εt)) / 2ε. A second step size tells a kink from an error.
 */
function checkGradient(
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
    const direction = Float64Array.from(
      { length: size },
      (_, i) => 2 * uniformAt(11, hash32(key), 0, i) - 1,
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
  if (!(Math.abs(slope(1e-5) - expected) < tolerance)) {
    expect(Math.abs(slope(1e-7) - expected)).toBeLessThan(100 * tolerance);
  }
}

describe("derivatives of random graphs", () => {
  test("agree with finite differences", () => {
    fc.assert(
      fc.property(randomGraph({ smooth: true }), ({ context, graph, n, leaf }) => {
        const loss = graph.results.find((result) => result.name === "loss")!.value;
        const gradients = gradientsOf(context, loss, leavesOf(graph), graph.batchMax);
        checkGradient(loss, gradients, { n, seed: 3, batch: 1, leaf });
      }),
      { numRuns: 250 },
    );
  });

  test("can be differentiated again", () => {
    fc.assert(
      fc.property(randomGraph({ smooth: true, maxSteps: 4 }), ({ context, graph, n, leaf }) => {
        const loss = graph.results.find((result) => result.name === "loss")!.value;
        const leaves = leavesOf(graph);
        const gradients = gradientsOf(context, loss, leaves, graph.batchMax);
        // Σ g² over all gradients, and its derivative.
        const squares = leaves.map<Scalar>((value) => {
          const gradient = gradients.get(value)!;
          const load = context.load(gradient, axes(gradient.shape.length));
          const body = context.call("square", load);
          const reduction = gradient.shape;
          const sum = context.compute({ parallel: [], reduction, reducer: "sum", body });
          return context.load(sum.values[0]!, []);
        });
        const total = squares.reduce((a, b) => context.call("add", a, b));
        const norm = context.compute({ parallel: [], body: total }).values[0]!;
        const second = gradientsOf(context, norm, leaves, graph.batchMax);
        checkGradient(norm, second, { n, seed: 3, batch: 1, leaf });
      }),
      { numRuns: 150 },
    );
  });
});
