/** Recurrent layers against loops written out: values, masks, ways, states, dropout. */

import { describe, expect, it } from "vitest";
import type { Value } from "../../compiler/graph/node.ts";
import { lowerSound, lowerText, messages } from "../semantics/lowering.ts";
import { graphsOf, predict, run } from "../semantics/run-program.ts";
import { expectClose } from "./layer-checks.ts";
import {
  type Cell,
  gruCell,
  gruCellBefore,
  lstmCell,
  numbers,
  rowsOf,
  runCell,
  simpleCell,
  type Weights,
} from "./recurrent-reference.ts";

const rows = 4;
const steps = 4;
const inputs = 3;
const units = 2;
const x = numbers(rows * steps * inputs, 1);
const sequences = rowsOf(x, steps * inputs).map((row) => rowsOf(row, inputs));
/** Left, right, in the middle, everywhere. */
const mask = [0, 0, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0];
const masks = rowsOf(mask, steps).map((row) => row.map(Boolean));

interface Kind {
  readonly layer: string;
  /** Of its params. */
  readonly cellName: string;
  readonly cell: Cell;
  readonly gates: number;
  readonly biases: number;
  readonly states: number;
  readonly more?: string;
}

const kinds: readonly Kind[] = [
  {
    layer: "SimpleRNN",
    cellName: "simple_rnn_cell",
    cell: simpleCell,
    gates: 1,
    biases: 1,
    states: 1,
  },
  { layer: "LSTM", cellName: "lstm_cell", cell: lstmCell, gates: 4, biases: 4, states: 2 },
  { layer: "GRU", cellName: "gru_cell", cell: gruCell, gates: 3, biases: 6, states: 1 },
  {
    layer: "GRU",
    cellName: "gru_cell",
    cell: gruCellBefore,
    gates: 3,
    biases: 3,
    states: 1,
    more: ", reset_after = false",
  },
];

function weightsOf({ gates, biases }: Kind, seed = 2): Weights {
  return {
    kernel: numbers(inputs * gates * units, seed),
    recurrent: numbers(units * gates * units, seed + 1),
    bias: numbers(biases * units, seed + 2),
  };
}

const leavesOf = (path: string, { kernel, recurrent, bias }: Weights) => ({
  [`${path}/kernel`]: kernel,
  [`${path}/recurrent_kernel`]: recurrent,
  [`${path}/bias`]: bias,
});

const pathOf = ({ node }: Value) => (node.kind === "leaf" ? node.path : "");

const zeros = (kind: Kind) => Array.from({ length: kind.states }, () => [0, 0]);

const model = (body: string) => `model M {
  input x: f32[N, ${steps}, ${inputs}]
  input m: bool[N, ${steps}]
  real = with_mask(x, m)
${body}
}`;

describe.each(kinds)("$layer$more", (kind) => {
  const weights = weightsOf(kind);
  const { layer, more = "", cell } = kind;
  const leaves = { x, m: mask, ...leavesOf(`M/rnn/${kind.cellName}`, weights) };
  const made = (config = "") => `  rnn = ${layer}(${units}${more}${config})\n`;

  it("runs its cell over the steps", () => {
    const text = model(`${made()}  output last = rnn(x)\n  output other = m`);
    const wanted = sequences.map((row) => runCell(cell, row, zeros(kind), weights).states[0]!);
    expectClose(predict(text, leaves, rows).last, wanted.flat());
  });

  it("gives all steps, and its states", () => {
    const text = model(
      `${made(", return_sequences = true, return_state = true")}  given = rnn(x)
  output y = given[0]
  output h = given[1]
  output c = given[-1]
  output other = m`,
    );
    const runs = sequences.map((row) => runCell(cell, row, zeros(kind), weights));
    const { y, h, c } = predict(text, leaves, rows);
    expectClose(
      y,
      runs.flatMap(({ outputs }) => outputs.flat()),
    );
    expectClose(
      h,
      runs.flatMap(({ states }) => states[0]!),
    );
    expectClose(
      c,
      runs.flatMap(({ states }) => states.at(-1)!),
    );
  });

  it.each(more === "" ? [false, true] : [true])(
    "leaves masked steps out, backwards: %s",
    (backwards) => {
      const config = `, go_backwards = ${backwards}, return_sequences = true`;
      const text = model(
        `${made(`${config}, return_state = true`)}  given = rnn(real)
  output y = given[0]
  output h = given[-1]
  zeroed = ${layer}(${units}${more}${config}, zero_output_for_mask = true)
  output z = zeroed(real)
  output k = mask(zeroed(real))`,
      );
      const own = { ...leaves, ...leavesOf(`M/zeroed/${kind.cellName}`, weights) };
      const { y, h, z, k } = predict(text, own, rows);
      const runs = [false, true].map((zeroOutput) =>
        sequences.map((row, n) =>
          runCell(cell, row, zeros(kind), weights, { mask: masks[n]!, backwards, zeroOutput }),
        ),
      );
      expectClose(
        y,
        runs[0]!.flatMap(({ outputs }) => outputs.flat()),
      );
      expectClose(
        h,
        runs[0]!.flatMap(({ states }) => states.at(-1)!),
      );
      expectClose(
        z,
        runs[1]!.flatMap(({ outputs }) => outputs.flat()),
      );
      expect(k).toEqual(mask);
    },
  );

  it("begins with given states", () => {
    const given = Array.from({ length: kind.states }, (_, i) =>
      rowsOf(numbers(rows * units, 7 + i), units),
    );
    const inputsOf = given.map((_, i) => `  input s${i}: f32[N, ${units}]`).join("\n");
    const list = given.map((_, i) => `s${i}`).join(", ");
    const text = model(`${inputsOf}\n${made()}  output y = rnn(x, [${list}])\n  output other = m`);
    const states = Object.fromEntries(given.map((state, i) => [`s${i}`, state.flat()]));
    const wanted = sequences.map(
      (row, n) =>
        runCell(
          cell,
          row,
          given.map((state) => state[n]!),
          weights,
        ).states[0]!,
    );
    expectClose(predict(text, { ...leaves, ...states }, rows).y, wanted.flat());
  });

  it("goes on where the batch before ended, row by row, if it is stateful", () => {
    const program = lowerSound(
      model(`${made(", stateful = true")}  output y = rnn(x)\n  output other = m`),
    );
    graphsOf(program);
    const first = run(program, program.predict, leaves, { n: rows });
    // The second batch has fewer rows: the others' states stay.
    const kept = Object.fromEntries(
      Object.entries(first.assigned).filter(([path]) => path.includes("rnn_state")),
    );
    expect(Object.keys(kept)).toHaveLength(kind.states);
    const second = run(program, program.predict, { ...leaves, ...kept }, { n: 2 });
    const wanted = sequences.slice(0, 2).map((row) => {
      const { states } = runCell(cell, row, zeros(kind), weights);
      return runCell(cell, row, states, weights).states[0]!;
    });
    expectClose(second.results.y, wanted.flat());
    const path = Object.keys(kept)[0]!;
    expect(second.assigned[path]!.slice(2 * units, 4 * units)).toEqual(
      kept[path]!.slice(2 * units, 4 * units),
    );
  });

  const modes = layer === "GRU" ? (["concat"] as const) : (["sum", "mul", "ave"] as const);
  it.each(modes)("goes both ways and merges by %s", (mode) => {
    const text =
      model(`  both = Bidirectional(${layer}(${units}${more}, return_sequences = true), merge_mode = "${mode}")
  output y = both(real)
  output k = mask(both(real))`);
    const back = weightsOf(kind, 20);
    const name = layer === "SimpleRNN" ? "simple_rnn" : layer.toLowerCase();
    const path = (way: string) => `M/both/${way}_${name}/${kind.cellName}`;
    const both = {
      ...leaves,
      ...leavesOf(path("forward"), weights),
      ...leavesOf(path("backward"), back),
    };
    const merge: Record<
      (typeof modes)[number],
      (a: readonly number[], b: readonly number[]) => number[]
    > = {
      concat: (a, b) => [...a, ...b],
      sum: (a, b) => a.map((value, i) => value + b[i]!),
      mul: (a, b) => a.map((value, i) => value * b[i]!),
      ave: (a, b) => a.map((value, i) => (value + b[i]!) / 2),
    };
    const wanted = sequences.map((row, n) => {
      const options = { mask: masks[n]!, zeroOutput: true };
      const a = runCell(cell, row, zeros(kind), weights, options).outputs;
      const b = runCell(cell, row, zeros(kind), back, { ...options, backwards: true }).outputs;
      return a.map((output, t) => merge[mode]!(output, b[steps - 1 - t]!));
    });
    const found = predict(text, both, rows);
    expectClose(found.y, wanted.flat(2));
    expect(found.k).toEqual(mask);
  });

  it("has the layout of Keras' weights", () => {
    const program = lowerSound(model(`${made()}  output y = rnn(x)\n  output other = m`));
    const params = program.persistent.map(({ leaf }) => [
      pathOf(leaf),
      leaf.shape.map(({ constant }) => constant),
    ]);
    const bias = kind.biases === 6 ? [2, 3 * units] : [kind.gates * units];
    expect(params).toEqual([
      [`M/rnn/${kind.cellName}/kernel`, [inputs, kind.gates * units]],
      [`M/rnn/${kind.cellName}/recurrent_kernel`, [units, kind.gates * units]],
      [`M/rnn/${kind.cellName}/bias`, bias],
    ]);
  });
});

it("cells on top of each other are a cell, and any layer may be one", () => {
  const text = `
    layer Decay(units: int, rate = 0.5)(x: f32[N, I], states = none) {
      if states == none {
        return [ones([N, units]), zeros([N])]
      }
      param kernel: f32[I, units] = ones
      (h, count) = states
      next = rate * h + x @ kernel
      return (next, [next, count + 1])
    }
    ${model(`  (y, h, a, count) = RNN([SimpleRNNCell(${units}), Decay(1)], return_state = true)(x)
  output first = h
  output second = a
  output third = y
  output fourth = count
  output other = m`)}`;
  const weights = weightsOf(kinds[0]!);
  const path = "M/rnn/stacked_rnn_cells";
  const leaves = {
    x,
    m: mask,
    ...leavesOf(`${path}/simple_rnn_cell`, weights),
    [`${path}/decay/kernel`]: [1, 2],
  };
  const { first, second, third, fourth } = predict(text, leaves, rows);
  const runs = sequences.map((row) => runCell(simpleCell, row, [[0, 0]], weights));
  const decayed = runs.map(({ outputs }) =>
    outputs.reduce((a, [p, q]) => 0.5 * a + p! + 2 * q!, 1),
  );
  expectClose(
    first,
    runs.flatMap(({ states }) => states[0]!),
  );
  expectClose(second, decayed);
  expectClose(third, decayed);
  expect(fourth).toEqual([4, 4, 4, 4]);
  const single = lowerSound(model(`  output y = RNN(GRUCell(1))(x)\n  output other = m`));
  expect(pathOf(single.persistent[0]!.leaf)).toBe("M/rnn/gru_cell/kernel");
});

it("an LSTM begins with ones for its forget gate, or not", () => {
  for (const [more, wanted] of [
    ["", [0, 0, 1, 1, 0, 0, 0, 0]],
    [", unit_forget_bias = false", [0, 0, 0, 0, 0, 0, 0, 0]],
  ] as const) {
    const program = lowerSound(model(`  output y = LSTM(${units}${more})(x)\n  output other = m`));
    const { results } = run(program, program.init, {});
    expect(results["M/lstm/lstm_cell/bias"]).toEqual(wanted);
  }
});

it("a Bidirectional layer gives its states, two outputs without a merge mode, and takes another layer for the way back", () => {
  const text = model(`  (y, h, c, hb, cb) = Bidirectional(LSTM(${units}, return_state = true))(x)
  (f, b) = Bidirectional(GRU(3), merge_mode = none, backward_layer = GRU(1, go_backwards = true))(x)
  output a = concat([y, h, hb])
  output d = concat([c, cb, f, b])
  output other = m`);
  const { a, d } = predict(text, { x, m: mask }, rows);
  for (const row of rowsOf(a!, 8)) expectClose(row.slice(0, 4), row.slice(4));
  expect(d).toHaveLength(rows * 8);
  const program = lowerSound(text);
  expect(program.persistent.map(({ leaf }) => pathOf(leaf))).toContain(
    "M/bidirectional_1/gru/gru_cell/kernel",
  );
});

it("TimeDistributed applies a layer to every step", () => {
  const text = model(`  each = TimeDistributed(Dense(2))
  output y = each(real)
  output k = mask(each(real))`);
  const kernel = numbers(6, 5);
  const leaves = { x, m: mask, "M/each/dense/kernel": kernel, "M/each/dense/bias": [1, 2] };
  const { y, k } = predict(text, leaves, rows);
  const wanted = rowsOf(x, inputs).flatMap((row) =>
    [0, 1].map((o) => row.reduce((sum, value, i) => sum + value * kernel[2 * i + o]!, 1 + o)),
  );
  expectClose(y, wanted);
  expect(k).toEqual(mask);
});

describe("dropout", () => {
  const trained = (layer: string) =>
    lowerSound(`
      model M {
        input x: f32[N, ${steps}, ${inputs}]
        output y = ${layer}(x)
      }
      data d {
        train {
          x: f32[${steps}, ${inputs}] = npy("x.npy")
        }
      }
      train M on d {
        loss mean(y)
        optimizer SGD(1.0)
        metrics each = mean(y[:, :, 0], axis = 0)[0]
      }`);

  it("leaves out the same elements at all steps", () => {
    const text = `
      layer Shown(units: int)(x: f32[N, units], states = none) {
        if states == none {
          return [zeros([N, units])]
        }
        return (dropped_for_sequence(x, 0.5), states)
      }
      model M {
        input x: f32[N, ${steps}, ${inputs}]
        param w: f32[${steps}] = zeros
        output y = sum(RNN(Shown(${inputs}), return_sequences = true)(x) * w[:, none], axis = 1)
      }
      data d {
        train {
          x: f32[${steps}, ${inputs}] = npy("x.npy")
        }
      }
      train M on d {
        loss sum(y)
        optimizer SGD(1.0)
      }`;
    const program = lowerSound(text);
    const kept = [1, 2, 4, 8].map((weight, t) => {
      const w = [0, 0, 0, 0].with(t, weight);
      const leaves = { x: x.map((_, i) => 3 ** (i % inputs)), "M/w": w };
      return run(program, program.training!.train, leaves, { n: rows }).results.loss![0]! / weight;
    });
    expect(kept[0]! % 2).toBe(0);
    expect(kept[0]).toBeGreaterThan(0);
    expect(new Set(kept).size).toBe(1);
  });

  it.each(["SimpleRNN", "LSTM", "GRU"])("is of one pattern, or one a gate, in %s", (layer) => {
    const program = trained(
      `${layer}(${units}, dropout = 0.5, recurrent_dropout = 0.25, return_sequences = true)`,
    );
    const first = run(program, program.training!.train, { x }, { n: rows }).results.loss![0]!;
    const calm = run(program, program.training!.evaluate, { x }, { n: rows }).results.loss![0]!;
    expect(first).not.toBeCloseTo(calm, 6);
  });
});

describe("mistakes", () => {
  it.each([
    [`LSTM(0)(x)`, "units must be a positive integer"],
    [`LSTM(2)(x, [m])`, "one tensor for each state"],
    [`Bidirectional(LSTM(2), merge_mode = "max")(x)`, "merge_mode is"],
    [`Bidirectional(LSTM(2, go_backwards = true))(x)`, "different ways"],
    [`Bidirectional(Dense(2))(x)`, "unknown-argument"],
    [`Bidirectional(LSTM)(x)`, "a layer that was made"],
    [`TimeDistributed(Dense(2))(x[:, 0])`, "sequences of what its layer takes"],
    [`LSTM(2, dropout = 2.0)(x)`, "dropout is at least 0"],
    [`copy(Dense(2), unit = 3)(x)`, "unknown-argument"],
  ])("%s", (expression, wanted) => {
    const text = model(`  output y = ${expression}\n  output other = m`);
    expect(messages(lowerText(text).diagnostics).join("\n")).toContain(wanted);
  });
});

it("weights are regularized once, however often a cell is applied", () => {
  const text = (layer: string) => `
    model M {
      input x: f32[N, ${steps}, ${inputs}]
      output y = ${layer}
    }
    data d {
      train {
        x: f32[${steps}, ${inputs}] = npy("x.npy")
      }
    }
    train M on d {
      loss 0 * sum(y)
      optimizer SGD(1.0)
    }`;
  const layer = `LSTM(${units}, kernel_regularizer = L2(0.5), recurrent_regularizer = "l1", return_sequences = true)`;
  const program = lowerSound(text(`RNN([LSTMCell(1)])(${layer}(with_mask(x, x[:, :, 0] > 0)))`));
  const { kernel, recurrent } = weightsOf(kinds[1]!);
  const leaves = {
    x,
    "M/lstm/lstm_cell/kernel": kernel,
    "M/lstm/lstm_cell/recurrent_kernel": recurrent,
  };
  const { loss } = run(program, program.training!.evaluate, leaves, { n: rows }).results;
  const wanted =
    0.5 * kernel.reduce((sum, w) => sum + w * w, 0) +
    0.01 * recurrent.reduce((sum, w) => sum + Math.abs(w), 0);
  expectClose(loss, [wanted]);
});
