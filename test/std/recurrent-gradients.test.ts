/** Derivatives of recurrent layers by central differences along a direction in all params at once. */

import { expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";
import { numbers } from "./recurrent-reference.ts";

const rows = 3;

/** The loss is a sum with weights that differ, so that no part of the result may be mistaken for another. */
const program = (expression: string, shape: string) => `
  layer Decay(units: int, rate = 0.5)(x: f32[N, I], states = none) {
    if states == none {
      return [zeros([N, units])]
    }
    param kernel: f32[I, units] = glorot_uniform
    h = rate * states[0] + tanh(x @ kernel)
    return (h, [h])
  }
  model M {
    input x: f32[N, 3, 2]
    input m: bool[N, 3]
    input tokens: i32[N, 3]
    real = with_mask(x, m)
    words = tokens |> Embedding(5, 2, mask_zero = true)
    gone = reshape(words, [shape(x)[0], 6])
    output y = ${expression}
    output other = f32(m) + f32(tokens) + sum(gone, axis = -1, keepdims = true)
  }
  data d {
    train {
      x: f32[3, 2] = npy("x.npy")
      m: bool[3] = npy("m.npy")
      tokens: i32[3] = npy("tokens.npy")
      c: f32[${shape}] = npy("c.npy")
    }
  }
  train M on d {
    loss sum(y * c)
    optimizer SGD(1.0)
  }`;

function lossAndStep(
  lowered: ReturnType<typeof lowerSound>,
  graph: Graph,
  leaves: Readonly<Record<string, readonly number[]>>,
) {
  const initial = run(lowered, lowered.init, {}).results;
  return interpret(graph, {
    n: rows,
    seed: 1,
    leaf: (role, path) => {
      if (role === "hyper" || role === "counter") return [1];
      return leaves[path] ?? initial[path]!;
    },
  });
}

it.each([
  ["SimpleRNN(2, return_sequences = true)(x)", [3, 2]],
  ["LSTM(2)(real)", [2]],
  ["LSTM(2, go_backwards = true, return_sequences = true)(real)", [3, 2]],
  ["GRU(2, return_sequences = true)(real)", [3, 2]],
  ["GRU(2, reset_after = false)(x)", [2]],
  ["LSTM(2)(x, [x[:, 0] |> Dense(2), x[:, 1] |> Dense(2)])", [2]],
  ['Bidirectional(GRU(2, return_sequences = true), merge_mode = "mul")(real)', [3, 2]],
  ["RNN([LSTMCell(2), Decay(3), SimpleRNNCell(1)], return_sequences = true)(x)", [3, 1]],
  ["concat(LSTM(2, dropout = 0.3, recurrent_dropout = 0.3, return_state = true)(real))", [6]],
  ["GRU(2, dropout = 0.3)(words)", [2]],
  ["TimeDistributed(Dense(2, tanh))(x)", [3, 2]],
  ["ConvLSTM1D(1, 2)(reshape(x, [shape(x)[0], 3, 2, 1]))", [1, 1]],
] as const)("%s", (expression, shape) => {
  const lowered = lowerSound(program(expression, shape.join(", ")));
  const { context } = lowered;
  const train = differentiate(context, canonicalise(context, lowered.training!.train));
  const width = shape.reduce((product: number, size) => product * size, 1);
  const columns = {
    x: numbers(rows * 6, 1),
    m: [1, 1, 0, 0, 1, 1, 1, 0, 1],
    tokens: [1, 2, 0, 4, 0, 0, 3, 3, 1],
    c: numbers(rows * width, 2),
  };
  const initial = run(lowered, lowered.init, {}).results;
  const { assignments } = lossAndStep(lowered, train, columns);
  const params = assignments.flatMap(({ target, data }) =>
    target.node.kind === "leaf" && target.node.role === "param"
      ? [{ path: target.node.path, after: data, before: initial[target.node.path]! }]
      : [],
  );
  let slope = 0;
  const moved = (step: number) =>
    Object.fromEntries(
      params.map(({ path, before }, k) => {
        const direction = numbers(before.length, 30 + k);
        return [path, before.map((value, i) => value + step * direction[i]!)];
      }),
    );
  params.forEach(({ before, after }, k) => {
    const direction = numbers(before.length, 30 + k);
    before.forEach((value, i) => {
      slope += (value - after[i]!) * direction[i]!;
    });
  });
  const lossAt = (step: number) =>
    lossAndStep(lowered, train, { ...columns, ...moved(step) }).results.get("loss")![0]!;
  const step = 1e-5;
  expect(params.length).toBeGreaterThan(0);
  expect(Math.abs(slope)).toBeGreaterThan(1e-3);
  expect((lossAt(step) - lossAt(-step)) / (2 * step)).toBeCloseTo(slope, 7);
});
