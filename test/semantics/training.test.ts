import { describe, expect, it } from "vitest";
import { lowerSound } from "./lowering.ts";
import { graphsOf, run, type Tensors } from "./run-program.ts";

interface Train {
  readonly loss?: string;
  readonly optimizer?: string;
  readonly more?: string;
  readonly declarations?: string;
  readonly columns?: string;
}

/** Linear regression of one weight without bias: y = 2 · w where x = 2. */
function regression({
  loss = "mse(t, y)",
  optimizer = "SGD(0.1)",
  more = "",
  declarations = "",
  columns = "",
}: Train): string {
  return `
    ${declarations}
    model M {
      input x: f32[N, 1]
      output y = x |> Dense(1, use_bias = false)
    }
    data d {
      train {
        x: f32[1] = npy("x.npy")
        t: f32[1] = npy("t.npy")
        ${columns}
      }
    }
    train M on d {
      loss ${loss}
      optimizer ${optimizer}
      ${more}
    }`;
}

const w = "M/dense/kernel";

/** What a step assigns, for a gradient given by hand. */
function step(text: string, leaves: Tensors, t = 1, rate = 0.1): Record<string, number[]> {
  const program = lowerSound(text);
  graphsOf(program);
  const data = { x: [2], t: [1], ...leaves };
  const scalars = { learning_rate: rate, t };
  return run(program, program.training!.train, data, { scalars }).assigned;
}

describe("optimizers", () => {
  it("keep the learning rate a run-time number", () => {
    const program = lowerSound(regression({ optimizer: "SGD(learning_rate = 0.25)" }));
    expect(program.training?.hypers).toEqual({ learning_rate: 0.25 });
    const leaves = { [w]: [1], [`gradient ${w}`]: [2] };
    expect(step(regression({}), leaves, 1, 0.5)[w]).toEqual([0]);
  });

  it("may be given by name alone", () => {
    expect(lowerSound(regression({ optimizer: "RMSprop" })).training?.hypers).toEqual({
      learning_rate: 0.001,
    });
  });

  it("follow Adam's formula", () => {
    const text = regression({ optimizer: "Adam()" });
    const slots = { [`adam/${w}/m`]: [0.5], [`adam/${w}/v`]: [0.25] };
    const got = step(text, { [w]: [1], [`gradient ${w}`]: [3], ...slots }, 2, 0.001);
    const m = 0.9 * 0.5 + 0.1 * 3;
    const v = 0.999 * 0.25 + 0.001 * 9;
    const alpha = (0.001 * Math.sqrt(1 - 0.999 ** 2)) / (1 - 0.9 ** 2);
    expect(got[`adam/${w}/m`]![0]).toBeCloseTo(m, 12);
    expect(got[w]![0]).toBeCloseTo(1 - (alpha * m) / (Math.sqrt(v) + 1e-7), 12);
  });

  it("clip all gradients by one norm before the update, and decay weights first", () => {
    const text = regression({ optimizer: "SGD(0.1, weight_decay = 0.5, global_clipnorm = 1.0)" });
    const got = step(text, { [w]: [2], [`gradient ${w}`]: [4] });
    expect(got[w]![0]).toBeCloseTo(2 - 2 * 0.5 * 0.1 - 0.1 * 1, 12);
  });

  it("take schedules of the updates made so far", () => {
    const text = regression({
      declarations: "fn Halving(start = 0.4)(step) = start * 0.5^step",
      optimizer: "SGD(Halving())",
    });
    expect(lowerSound(text).training?.hypers).toEqual({});
    const leaves = { [w]: [1], [`gradient ${w}`]: [1] };
    expect(step(text, leaves, 1)[w]![0]).toBeCloseTo(1 - 0.4, 12);
    expect(step(text, leaves, 3)[w]![0]).toBeCloseTo(1 - 0.1, 12);
  });

  it("see later what they assigned before", () => {
    const text = regression({
      declarations: `optimizer Two(learning_rate = 1.0) {
        update(w, g, t) {
          state m: f32 = 5.0
          m <- m + 1
          w <- w - learning_rate * m * g
          w <- w * 2
        }
      }`,
      optimizer: "Two()",
    });
    const got = step(text, { [w]: [1], [`gradient ${w}`]: [1] }, 1, 1);
    expect(got[w]).toEqual([2 * (1 - 6)]);
    expect(got[`two/${w}/m`]).toEqual([6]);
  });
});

describe("losses", () => {
  it("are expressions, with penalties of layers", () => {
    const text = regression({ loss: "0.5 * mse(t, y) + mae(t, y)" }).replace(
      "use_bias = false",
      "use_bias = false, kernel_regularizer = L2(0.5)",
    );
    const program = lowerSound(text);
    const leaves = { x: [2, 2], t: [1, 3], [w]: [1] };
    const { results } = run(program, program.training!.train, leaves, { n: 2 });
    expect(results.loss).toEqual([0.5 * 1 + 1 + 0.5]);
  });

  it("weigh samples as Keras does: over the count, not over the weights", () => {
    const text = regression({
      columns: 'weight: f32 = npy("w.npy")',
      more: "sample_weight weight\n      metrics mae(t, y)",
    });
    const program = lowerSound(text);
    graphsOf(program);
    expect(program.columns.map(({ name }) => name)).toEqual(["x", "t", "weight"]);
    const leaves = { x: [2, 2], t: [1, 5], weight: [3, 1], [w]: [1] };
    const { results, assigned } = run(program, program.training!.evaluate, leaves, { n: 2 });
    expect(results.loss).toEqual([(3 * 1 + 1 * 9) / 2]);
    expect(assigned["metrics/mae/total"]).toEqual([3 * 1 + 1 * 3]);
    expect(assigned["metrics/mae/weight"]).toEqual([4]);
  });

  it("make a column of weights for class weights", () => {
    const text = regression({
      columns: 'label: u8 = npy("l.npy")',
      more: "class_weight label = [1.0, 2.0]",
    });
    const program = lowerSound(text);
    expect(program.columns.map(({ name }) => name)).toEqual(["x", "t", "label", "sample_weight"]);
    expect(program.training?.plan.classWeight).toEqual({
      column: "label",
      weights: { 0: 1, 1: 2 },
    });
  });
});

describe("metrics", () => {
  it("accumulate means, and finish at read-out", () => {
    const text = regression({ more: "metrics rmse = sqrt(mse(t, y)), mae(t, y)" });
    const program = lowerSound(text);
    graphsOf(program);
    const { evaluate, readout } = program.training!;
    let totals: Tensors = {};
    for (const [x, t] of [
      [
        [2, 2],
        [2, 5],
      ],
      [[2], [2]],
    ] as const) {
      totals = run(program, evaluate, { x, t, [w]: [1], ...totals }, { n: x.length }).assigned;
    }
    const { results } = run(program, readout, totals);
    expect(results.rmse![0]).toBeCloseTo(Math.sqrt(9 / 3), 12);
    expect(results.mae![0]).toBeCloseTo(1, 12);
    expect(results.loss![0]).toBeCloseTo(3, 12);
  });

  it("may have states of their own", () => {
    const text = regression({
      declarations: `metric Spread(scale = 2.0)(y_true, y_pred, weight) {
        state largest = 0.0
        state rows = zeros
        largest <- maximum(largest, max(abs(y_true - y_pred)))
        rows <- rows + sum(weight)
        return scale * largest / rows
      }`,
      more: "metrics spread = Spread(3.0)(t, y)",
    });
    const program = lowerSound(text);
    graphsOf(program);
    const { evaluate, readout } = program.training!;
    const leaves = { x: [2, 2], t: [2, 5], [w]: [1] };
    const { assigned } = run(program, evaluate, leaves, { n: 2 });
    expect(assigned["metrics/spread/spread/largest"]).toEqual([3]);
    expect(run(program, readout, assigned).results.spread).toEqual([(3 * 3) / 2]);
  });

  it("are named after the function, once each", () => {
    const text = regression({ more: "metrics mae(t, y), mae(2 * t, y), BinaryAccuracy()(t, y)" });
    const { readout } = lowerSound(text).training!;
    expect(readout.results.map(({ name }) => name)).toEqual([
      "loss",
      "mae",
      "mae_1",
      "binary_accuracy",
    ]);
  });
});

describe("statistics", () => {
  it("sum over a batch, in the order they are read", () => {
    const text = regression({}).replace("x |> Dense", "x |> Normalization |> Dense");
    const program = lowerSound(text);
    graphsOf(program);
    expect(program.statistics.map(({ state }) => state)).toEqual([
      "M/normalization/mean",
      "M/normalization/variance",
    ]);
    const [mean, variance] = program.statistics;
    const x = [1, 5];
    const first = run(program, mean!.body, { x }, { n: 2 }).results;
    expect(first["M/normalization/mean"]).toEqual([6]);
    const second = run(program, variance!.body, { x, "M/normalization/mean": [3] }, { n: 2 });
    expect(second.results["M/normalization/variance"]).toEqual([8]);
  });
});

describe("plans", () => {
  it("hold the entries, which options override", () => {
    const more = `epochs 3
      batch_size 16
      validation 0.25
      seed 7
      shuffle false
      callbacks EarlyStopping(patience = 2, restore_best_weights = true), CSVLogger("log.csv")`;
    const { training, batchMax } = lowerSound(regression({ more }), {}, { epochs: 9 });
    expect(batchMax).toBe(16);
    expect(training?.plan).toEqual({
      epochs: 9,
      batchSize: 16,
      seed: 7,
      shuffle: false,
      validation: { fraction: 0.25 },
      callbacks: [
        { name: "EarlyStopping", arguments: { patience: 2, restore_best_weights: true } },
        { name: "CSVLogger", arguments: { filename: "log.csv" } },
      ],
      classWeight: null,
      sampleWeight: null,
    });
  });

  it("say where each column is read", () => {
    const { data } = lowerSound(regression({}));
    expect(data?.blocks.train).toEqual([
      {
        column: { name: "x", dtype: "f32", shape: [1] },
        reader: "npy",
        path: "x.npy",
        options: {},
      },
      {
        column: { name: "t", dtype: "f32", shape: [1] },
        reader: "npy",
        path: "t.npy",
        options: {},
      },
    ]);
  });
});

describe("imports", () => {
  it("find declarations of other files, which see their own names first", () => {
    const files = {
      "parts/blocks.nn": `
        import "shapes.nn"
        const factor = 3
        fn scale(x) = x * factor * width
        fn relu(x) = x * 100`,
      "parts/shapes.nn": "const width = 2\n",
    };
    const text = `
      import { scale as grow } from "parts/blocks.nn"
      const factor = 1000
      model M {
        input x: f32[N, 1]
        output y = x |> grow |> relu
      }`;
    const program = lowerSound(text, files);
    expect(run(program, program.predict, { x: [1] }).results.y).toEqual([6]);
  });
});
