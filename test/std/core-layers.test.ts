/** Core, activation, merging, regularization, preprocessing and graph layers. */

import { describe, expect, it } from "vitest";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";
import { checkLayer, expectClose, faultsOf, modelOf, shapeOf, valuesOf } from "./layer-checks.ts";

const x = [1, -2, 3, 4, 5, -6];
const rows = { x: "f32[N, 2, 3]" };

describe("activation layers", () => {
  it.each([
    ["ELU(2.0)", x.map((v) => (v > 0 ? v : 2 * Math.expm1(v)))],
    ["LeakyReLU", x.map((v) => (v > 0 ? v : 0.3 * v))],
    ["ReLU(4.0, 0.5)", x.map((v) => Math.min(v > 0 ? v : 0.5 * v, 4))],
    ["PReLU(alpha_initializer = ones, shared_axes = 1)", x],
    ['Activation("relu")', x.map((v) => Math.max(v, 0))],
    ["Activation(none)", x],
    ["Identity", x],
    ["Lambda(abs)", x.map(Math.abs)],
    ["Rescaling(0.5, offset = 1.0)", x.map((v) => 0.5 * v + 1)],
    ["Rescaling([1.0, 2.0, 3.0])", x.map((v, i) => v * (1 + (i % 3)))],
    ["Normalization(mean = 2.0, variance = 4.0)", x.map((v) => (v - 2) / 2)],
    [
      "Normalization(mean = [0.0, 1.0, 2.0], variance = [1.0, 4.0, 9.0], invert = true)",
      x.map((v, i) => v * (1 + (i % 3)) + (i % 3)),
    ],
  ] as const)("%s", (layer, wanted) => {
    expectClose(valuesOf(rows, `x |> ${layer}`, { x }), wanted);
    checkLayer(rows, `x |> ${layer}`);
  });

  it("Softmax goes over several axes, and gives 0 where masked", () => {
    const total = x.reduce((sum, v) => sum + Math.exp(v), 0);
    expectClose(
      valuesOf(rows, "x |> Softmax([1, 2])", { x }),
      x.map((v) => Math.exp(v) / total),
    );
    const inputs = { ...rows, m: "bool[N, 2, 3]" };
    const m = [1, 0, 1, 0, 0, 0];
    const [a, b] = [Math.exp(1), Math.exp(3)];
    expectClose(valuesOf(inputs, "Softmax()(x, m)", { x, m }), [
      a / (a + b),
      0,
      b / (a + b),
      0,
      0,
      0,
    ]);
  });
});

describe("products", () => {
  it.each([
    ['EinsumDense("abc,cd->abd", (none, 5), bias_axes = "d")', "[N, 2, 5]"],
    ['EinsumDense("...c,cd->...d", 5, bias_axes = "d")', "[N, 2, 5]"],
    ['EinsumDense("abc,bd->acd", (3, 5), bias_axes = "cd")', "[N, 3, 5]"],
    ['EinsumDense("ab...,bd->ad...", 5, bias_axes = "d")', "[N, 5, 3]"],
    ['EinsumDense("abc,cde->abde", (none, 4, 2), activation = "tanh")', "[N, 2, 4, 2]"],
    ["TernaryDense(4, 0.1, use_bias = false)", "[N, 2, 4]"],
  ])("%s is %s", (layer, shape) => {
    expect(shapeOf(rows, `x |> ${layer}`)).toBe(shape);
    if (!layer.startsWith("Ternary")) checkLayer(rows, `x |> ${layer}`);
  });

  it("einsum sums what the result does not name", () => {
    const inputs = { x: "f32[N, 2, 3]", z: "f32[N, 3]" };
    const z = [1, 10, 100];
    expect(valuesOf(inputs, 'einsum("nab,nb->na", x, z)', { x, z })).toEqual([281, -546]);
    expect(valuesOf(inputs, 'einsum("nab,nb->nba", x, z)', { x, z })).toEqual([
      1, 4, -20, 50, 300, -600,
    ]);
  });

  it("TernaryDense multiplies by signs, scaled by the mean", () => {
    const params = { "ternary_dense/kernel": [0.5, -0.5, 0.01], "ternary_dense/bias": [1] };
    const size = (0.5 + 0.5 + 0.01) / 3;
    expectClose(valuesOf({ x: "f32[N, 3]" }, "x |> TernaryDense(1)", { x: [1, 2, 3] }, 1, params), [
      1 - size,
    ]);
  });

  it("Dot sums over one axis of each", () => {
    const inputs = { x: "f32[N, 2, 3]", z: "f32[N, 3, 1]" };
    const z = [1, 10, 100];
    expect(valuesOf(inputs, "Dot((2, 1))([x, z])", { x, z })).toEqual([281, -546]);
    checkLayer(inputs, "Dot((2, 1), normalize = true)([x, z])");
    const vectors = { x: "f32[N, 3]", z: "f32[N, 3]" };
    expect(shapeOf(vectors, "dot([x, z])")).toBe("[N, 1]");
    expectClose(
      valuesOf(vectors, "Dot(1, normalize = true)([x, z])", { x: [3, 0, 4], z: [0, 0, 2] }),
      [0.8],
    );
  });
});

describe("merging functions", () => {
  const inputs = { a: "f32[N, 2]", b: "f32[N, 2]" };
  it.each([
    ["add", [5, -1]],
    ["subtract", [-3, -5]],
    ["multiply", [4, -6]],
    ["average", [2.5, -0.5]],
    ["maximum", [4, 2]],
    ["minimum", [1, -3]],
    ["concatenate", [1, -3, 4, 2]],
  ])("%s", (name, wanted) => {
    expect(valuesOf(inputs, `${name}([a, b])`, { a: [1, -3], b: [4, 2] })).toEqual(wanted);
    checkLayer(inputs, `${name}([a, b])`);
  });

  // Not by NumPy's rule, which would put the batch of b beside the steps of a.
  it.each([
    ["add([b, a])", [10, 21, 12, 23, 34, 45, 36, 47]],
    ["Subtract()([a, b])", [-10, -19, -8, -17, -26, -35, -24, -33]],
    ["Multiply()([a, b])", [0, 20, 20, 60, 120, 200, 180, 280]],
    ["Average()([a, b])", [5, 10.5, 6, 11.5, 17, 22.5, 18, 23.5]],
    ["Maximum()([a, b])", [10, 20, 10, 20, 30, 40, 30, 40]],
    ["Minimum()([b, a])", [0, 1, 2, 3, 4, 5, 6, 7]],
  ])("%s of two ranks joins them behind the batch", (call, wanted) => {
    const types = { a: "f32[N, 2, 2]", b: "f32[N, 2]" };
    const given = { a: [0, 1, 2, 3, 4, 5, 6, 7], b: [10, 20, 30, 40] };
    expect(valuesOf(types, call, given, 2)).toEqual(wanted);
    checkLayer(types, call);
  });
});

describe("noise", () => {
  /** The mean of what a layer makes of ones in training; a layer behind it gives the loss a weight. */
  const meanOf = (layer: string): number => {
    const identity = "PReLU(alpha_initializer = ones, shared_axes = (1, 2))";
    const program = lowerSound(`${modelOf({ x: "f32[N, 50, 40]" }, `x |> ${layer} |> ${identity}`)}
      data d {
        train {
          x: f32[50, 40] = npy("x.npy")
        }
      }
      train M on d {
        loss mean(y)
        optimizer SGD()
      }`);
    const ones = new Array<number>(2000).fill(1);
    return run(program, program.training!.train, { x: ones }).results.loss![0]!;
  };
  const low = -1.6732632423543772 * 1.0507009873554805;

  it.each([
    ["Dropout(0.4)", 1, 0.08],
    ["Dropout(0.4, (none, none, 1))", 1, 0.5],
    ["SpatialDropout1D(0.4)", 1, 0.5],
    ["GaussianDropout(0.2)", 1, 0.06],
    ["GaussianNoise(0.5)", 1, 0.06],
    ["AlphaDropout(0.4)", 0.6 / Math.sqrt(0.6 * (1 + 0.4 * low ** 2)), 0.1],
  ])("%s has the mean %d", (layer, mean, most) => {
    const found = meanOf(layer);
    expect(Math.abs(found - mean)).toBeLessThan(most);
    expect(found).not.toBe(mean);
  });

  it("is none outside of training", () => {
    for (const layer of ["AlphaDropout(0.4)", "GaussianNoise(0.5)", "SpatialDropout2D(0.2)"]) {
      const inputs = { x: "f32[N, 1, 2, 3]" };
      expect(valuesOf(inputs, `x |> ${layer}`, { x })).toEqual(x);
    }
  });

  it("says that a layer's seed means nothing", () => {
    expect(faultsOf(rows, "x |> Dropout(0.5, seed = 3)")).toEqual([
      "random numbers come from the seed of the train block; a layer's own means nothing",
    ]);
  });
});

describe("categories", () => {
  const tokens = { t: "i32[N, 3]" };
  const t = [1, 3, 1];
  it.each([
    ["CategoryEncoding(4)", [0, 1, 0, 1]],
    ['CategoryEncoding(4, "count")', [0, 2, 0, 1]],
    ['CategoryEncoding(4, "one_hot")', [0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0]],
  ])("%s", (layer, wanted) => {
    expect(valuesOf(tokens, `t |> ${layer}`, { t })).toEqual(wanted);
  });

  it("Discretization counts the boundaries that are not above", () => {
    const found = valuesOf(rows, "f32(x |> Discretization([-2.0, 0.0, 4.0]))", { x });
    expect(found).toEqual([2, 1, 2, 3, 3, 0]);
  });
});

describe("graphs", () => {
  // A path of three nodes.
  const a = [0, 1, 0, 1, 0, 1, 0, 1, 0];
  const inputs = { x: "f32[N, 3, 1]", a: "f32[N, 3, 3]" };

  it("GraphConvolution averages neighbours by degrees", () => {
    const params = { "graph_convolution/kernel": [2] };
    const layer = "GraphConvolution(1, use_bias = false)(x, a)";
    const [s, t] = [1 / 2, 1 / Math.sqrt(6)];
    const wanted = [2 * (s * 1 + t * 2), 2 * (t * 1 + 2 / 3 + t * 4), 2 * (t * 2 + s * 4)];
    expectClose(valuesOf(inputs, layer, { x: [1, 2, 4], a }, 1, params), wanted);
    checkLayer({ ...inputs, a: "f32[N, 3, 3]" }, layer, 2, { a: [...a, ...a] });
  });

  it("LaplaceBeltrami sees how a node differs from its neighbours", () => {
    const params = { "laplace_beltrami/kernel": [0, 1] };
    const layer = "LaplaceBeltrami(1)(x, a)";
    expectClose(valuesOf(inputs, layer, { x: [1, 2, 4], a }, 1, params), [-1, -0.5, 2]);
  });
});

it.each([
  ['x |> EinsumDense("abc", 3)', 'an equation has the form "ab,bc->ac"'],
  ["Dot(0)([x, x])", "axes are axes of the inputs, and not that of the batch"],
  ["Subtract()([x, x, x])", "Subtract takes two inputs"],
  ["x |> ReLU(-1.0)", "max_value is at least 0"],
  ["x |> GaussianNoise(2)", "stddev lies between 0 and 1"],
])("%s: %s", (expression, message) => {
  expect(faultsOf(rows, expression)).toContain(message);
});
