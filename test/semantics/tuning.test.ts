/** What layers take beside their own arguments: whether their params are trained, and at which share of the rate. */

import { describe, expect, it } from "vitest";
import { lowerSound, lowerText } from "./lowering.ts";

const program = (statements: string, optimizer = "SGD()"): string => `
  model Trunk(units = 2) {
    input x: f32[N, 3]
    h = x |> Dense(4, learning_rate = 0.5) |> BatchNormalization()
    output code = h |> Dense(units)
  }
  model M {
    input x: f32[N, 3]
    ${statements}
  }
  data d {
    train {
      x: f32[3] = npy("x.npy")
      t: f32[2] = npy("t.npy")
    }
  }
  train M on d {
    loss mse(t, y)
    optimizer ${optimizer}
  }`;

/** Factors on the learning rate by path; 0 for what is not trained. */
function rates(text: string): Record<string, number> {
  const { persistent } = lowerSound(text);
  const params = persistent.filter(({ role }) => role === "param");
  return Object.fromEntries(
    params.map((param) => {
      const { path, rate } = param as unknown as { path: string; rate: number };
      return [path, param.trainable ? rate : 0];
    }),
  );
}

describe("options of layers", () => {
  it("are those of the layers and models around them, too", () => {
    const own =
      "trunk = Trunk(learning_rate = 0.1)\n    output y = x |> trunk |> Dense(2, trainable = false)";
    expect(rates(program(own))).toEqual({
      "M/trunk/dense/kernel": 0.05,
      "M/trunk/dense/bias": 0.05,
      "M/trunk/batch_normalization/gamma": 0.1,
      "M/trunk/batch_normalization/beta": 0.1,
      "M/trunk/dense_1/kernel": 0.1,
      "M/trunk/dense_1/bias": 0.1,
      "M/dense/kernel": 0,
      "M/dense/bias": 0,
    });
  });

  it("leave a frozen normalization as it is when it predicts", () => {
    const states = (option: string) => {
      const text = program(`trunk = Trunk(${option})\n    output y = x |> trunk |> Dense(2)`);
      const { assignments } = lowerSound(text).training!.train;
      return assignments.filter(({ target }) => {
        return target.node.kind === "leaf" && target.node.path.includes("moving");
      }).length;
    };
    expect(states("")).toBe(2);
    expect(states("trainable = false")).toBe(0);
  });

  it("are told from arguments of that name", () => {
    const codes = (statements: string) =>
      lowerText(program(statements)).diagnostics.map(({ code }) => code);
    expect(codes("output y = x |> Dense(2, trainable = 1)")).toContain("wrong-type");
    expect(codes("output y = x |> Dense(2, learning_rate = -1.0)")).toContain("wrong-type");
    expect(codes("output y = x |> Dense(2, trained = false)")).toContain("unknown-argument");
  });

  it("give parts optimizers of their own, with slots and rates under their names", () => {
    const text = program(
      "trunk = Trunk()\n    output y = x |> trunk |> Dense(2)",
      "Adam(0.1), trunk = SGD(0.01, momentum = 0.5)",
    );
    const { persistent, training } = lowerSound(text);
    expect(training!.hypers).toEqual({ learning_rate: 0.1, "trunk/learning_rate": 0.01 });
    const slots = persistent.filter(({ role }) => role === "slot");
    const paths = slots.map((slot) => (slot as unknown as { path: string }).path);
    expect(paths).toContain("adam/M/dense/kernel/v");
    expect(paths).toContain("trunk/sgd/M/trunk/dense/kernel/m");
  });
});
