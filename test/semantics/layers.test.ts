import { describe, expect, it } from "vitest";
import { lowerSound, lowerText, messages } from "./lowering.ts";
import { graphsOf, predict, run } from "./run-program.ts";

const paths = (text: string) =>
  lowerSound(text)
    .persistent.map(({ leaf }) => (leaf.node.kind === "leaf" ? leaf.node.path : ""))
    .filter((path) => !path.includes("metrics"));

describe("paths", () => {
  it("follow bindings, else the declaration with a counter by first application", () => {
    const text = `
      model M {
        input x: f32[N, 4]
        first = Dense(4)
        h = x |> Dense(3) |> Dense(2)
        output y = (x |> first) |> Dense(1) |> BatchThing
        output z = h
      }
      layer BatchThing()(x: f32[N, C]) {
        param scale: f32[C] = ones
        return x * scale |> Dense(1, use_bias = false)
      }`;
    expect(paths(text)).toEqual([
      "M/dense/kernel",
      "M/dense/bias",
      "M/dense_1/kernel",
      "M/dense_1/bias",
      "M/first/kernel",
      "M/first/bias",
      "M/dense_2/kernel",
      "M/dense_2/bias",
      "M/batch_thing/scale",
      "M/batch_thing/dense/kernel",
    ]);
  });

  it("stay the same in both graphs where training makes more layers", () => {
    const text = `
      layer Noise()(x: f32[N, C]) {
        if training {
          x = x |> Dense(4)
        }
        return x
      }
      model M {
        input x: f32[N, 4]
        a = if training then x |> Noise else x
        output y = a |> Noise |> Dense(2)
      }`;
    expect(paths(text)).toEqual([
      "M/noise/dense/kernel",
      "M/noise/dense/bias",
      "M/noise_1/dense/kernel",
      "M/noise_1/dense/bias",
      "M/dense/kernel",
      "M/dense/bias",
    ]);
  });

  it("count the layers of a loop", () => {
    const text = `model M {
      input x: f32[N, 4]
      for units in [8, 8, 4] {
        block = Dense(units)
        x = x |> block
      }
      for layer in [Dense(2), Dense(1)] {
        x = layer(x)
      }
      output y = x
    }`;
    expect(paths(text).filter((path) => path.endsWith("kernel"))).toEqual([
      "M/block/kernel",
      "M/block_1/kernel",
      "M/block_2/kernel",
      "M/dense/kernel",
      "M/dense_1/kernel",
    ]);
  });
});

describe("sharing", () => {
  it("uses the params of a bound layer twice", () => {
    const text = `model M {
      input a: f32[N, 2]
      input b: f32[N, 2]
      shared = Dense(1, use_bias = false)
      output y = shared(a) - shared(b)
    }`;
    const leaves = { a: [1, 2], b: [3, 5], "M/shared/kernel": [10, 1] };
    expect(predict(text, leaves).y).toEqual([12 - 35]);
  });

  it("shares a model used by its name, and copies one that is made", () => {
    const text = `
      model Encoder {
        input x: f32[N, 2]
        output code = x |> Dense(1, use_bias = false)
      }
      model Pair {
        input a: f32[N, 2]
        own = Encoder()
        output y = (a |> Encoder) + Encoder(a * 2) + own(a)
      }`;
    expect(paths(text)).toEqual(["Encoder/dense/kernel", "Pair/own/dense/kernel"]);
    const leaves = {
      a: [1, 2],
      "Encoder/dense/kernel": [1, 1],
      "Pair/own/dense/kernel": [100, 0],
    };
    expect(predict(text, leaves).y).toEqual([3 + 6 + 100]);
  });

  it("threads states through applications in order", () => {
    const text = `
      layer Counter()(x) {
        state count: f32[1] = zeros
        count <- count + 1
        return x + count
      }
      model M {
        input x: f32[N, 1]
        counter = Counter()
        output y = x |> counter |> counter
      }
      `;
    expect(predict(text, { x: [0] }).y).toEqual([3]);
  });

  it("gives models with several outputs as tuples", () => {
    const text = `
      model Two {
        input x: f32[N, 1]
        output a = x + 1
        output b = x * 2
      }
      model M {
        input x: f32[N, 1]
        (a, b) = Two(x)
        output y = a * b
      }`;
    expect(predict(text, { x: [3] }).y).toEqual([24]);
  });
});

describe("merging layers", () => {
  it("take lists of tensors", () => {
    const text = `model M {
      input a: f32[N, 2]
      input b: f32[N, 2]
      s = [a, b] |> Add
      c = Concatenate()([s, b])
      output y = [c, c * 2] |> Average
    }`;
    expect(predict(text, { a: [1, 2], b: [10, 20] }).y).toEqual([16.5, 33, 15, 30]);
  });
});

describe("functions as values", () => {
  it("are given by reference, by name in a string, partly applied, and as layers", () => {
    const text = `
      layer Twice(f)(x) {
        return f(f(x))
      }
      fn Shifted(by = 1.0)(x) = x + by
      model M {
        input x: f32[N, 1]
        output a = x |> Twice(relu)
        output b = x |> Twice("linear")
        output c = x |> Twice(Shifted(2.5))
        output d = x |> Twice(Activation(relu))
      }`;
    expect(predict(text, { x: [-1] })).toEqual({ a: [0], b: [-1], c: [4], d: [0] });
  });

  it("make initial values from numbers, functions of the shape and constants", () => {
    const text = `
      layer Many()(x: f32[N, C]) {
        param a: f32[C] = 0.5
        param b: f32[C] = ones
        param c: f32[C] = Constant(3)
        param d: f32[C] = RandomNormal
        param e: f32[C] = "zeros"
        return x * a * b * c + 0 * d + e
      }
      model M { input x: f32[N, 2]  output y = x |> Many }`;
    expect(predict(text.replaceAll("  output", "\n  output"), { x: [2, 4] }).y).toEqual([3, 6]);
  });
});

describe("Dropout", () => {
  const text = `model M {
      input x: f32[N, 1000]
      output y = x |> Dropout(0.5) |> Dropout(0.5)
    }
    data d {
      train {
        x: f32[1000] = npy("x.npy")
        t: f32[1000] = npy("t.npy")
      }
    }`;
  it("does nothing in the graph for prediction", () => {
    const program = lowerSound(text);
    expect(program.predict.results[0]?.value.node.kind).toBe("leaf");
  });

  it("draws from a stream of its own in every application", () => {
    const trained = text
      .replace("|> Dropout(0.5)\n", "|> Dropout(0.5) |> Dense(1)\n")
      .replace("t: f32[1000]", "t: f32[1]");
    const program = lowerSound(
      `${trained}\ntrain M on d {\n  loss mse(t, y)\n  optimizer SGD()\n}\n`,
    );
    graphsOf(program);
    const leaves = { x: new Array(1000).fill(1), t: [0] };
    const { results } = run(program, program.training!.train, leaves);
    expect(results.loss![0]).toBeGreaterThan(0);
  });
});

describe("errors in the library", () => {
  it("stand at the user's call", () => {
    const { diagnostics } = lowerText(
      "model M {\n  input x: f32[N, 4]\n  output y = x |> Reshape([5])\n}\n",
    );
    expect(messages(diagnostics)).toHaveLength(1);
    const [first] = diagnostics;
    expect(first?.primary.span.file).toBe("model.nn");
    expect(first?.labels.at(-1)?.span.file).toBe("std:reshaping.nn");
  });
});
