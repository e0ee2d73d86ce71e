/** Optimizers that a function of the param's path chooses: `MultiOptimizer(OptimizerMap(…))`, or one's own. */

import { describe, expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { lowerSound, lowerText } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";

const text = (optimizer: string, declared = "") => `
${declared}
model M {
  input x: f32[N, 2]
  trunk = Dense(2)
  head = Dense(1)
  output y = x |> trunk |> head
}
data d {
  train {
    x: f32[2] = npy("x.npy")
    label: f32[1] = npy("label.npy")
  }
}
train M on d {
  loss mse(label, y)
  optimizer ${optimizer}
}`;

const weights = {
  "M/trunk/kernel": [0.5, -1, 2, 0.25],
  "M/trunk/bias": [0.1, -0.2],
  "M/head/kernel": [1, -2],
  "M/head/bias": [0.3],
};

/** The weights after a step at given rates. */
function step(optimizer: string, rates: Readonly<Record<string, number>>, declared = "") {
  const program = lowerSound(text(optimizer, declared));
  const { context, training } = program;
  const graph = differentiate(context, canonicalise(context, training!.train));
  const leaves = { x: [1, 2, -1, 0.5], label: [1, 2], ...weights };
  const { assigned } = run(program, graph, leaves, { n: 2, scalars: { t: 1, ...rates } });
  const after = Object.keys(weights).map((path) => [path, assigned[path]!]);
  return { hypers: training!.hypers, after: Object.fromEntries(after) as typeof weights };
}

const wrong = (optimizer: string, declared = "") =>
  lowerText(text(optimizer, declared)).diagnostics.map(({ title }) => title);

describe("optimizers by path", () => {
  const named = step("SGD(0.5), trunk = Adam(0.01)", {
    learning_rate: 0.5,
    "trunk/learning_rate": 0.01,
  });
  const rates = { "sgd/learning_rate": 0.5, "adam/learning_rate": 0.01 };

  it.each([
    ['MultiOptimizer(OptimizerMap(SGD(0.5), [["trunk/.*", Adam(0.01)]]))', ""],
    ['OptimizerMap(SGD(0.5), [["trunk/.*", Adam(0.01)]])', ""],
    [
      "by_part",
      'fn by_part(path) = if contains(path, "trunk") then Adam(0.01) else SGD(learning_rate = 0.5)',
    ],
    [
      "rated(0.01)",
      'fn rated(rate)(path) = if contains(path, "trunk") then Adam(rate) else SGD(0.5)',
    ],
  ])("%s %s", (optimizer, declared) => {
    const { after, hypers } = step(optimizer, rates, declared);
    expect(hypers).toEqual(rates);
    expect(after).toEqual(named.after);
  });

  it("an entry that is the path comes before those that match it", () => {
    const map = '[["trunk/.*", SGD(0.5)], ["trunk/kernel", Adam(0.01)], ["tr.*k/bias", SGD(0.5)]]';
    expect(wrong(`OptimizerMap(SGD(0.5), ${map})`)).toEqual([
      "at most one entry of an OptimizerMap is for a param",
    ]);
    const { after } = step(
      'OptimizerMap(SGD(0.5), [["trunk/.*", SGD(0.5)], ["trunk/kernel", Adam(0.01)]])',
      rates,
    );
    const plain = step("SGD(0.5)", { learning_rate: 0.5 }).after;
    expect(after).toEqual({ ...plain, "M/trunk/kernel": named.after["M/trunk/kernel"] });
  });

  it("one optimizer for several params sees the gradients of all of them", () => {
    const optimizer = "SGD(0.5, global_clipnorm = 0.125)";
    const { after } = step(optimizer, { learning_rate: 0.5 });
    const chosen = step(`OptimizerMap(${optimizer}, [["head/.*", ${optimizer}]])`, {
      "sgd/learning_rate": 0.5,
    });
    expect(chosen.after).toEqual(after);
    expect(chosen.hypers).toEqual({ "sgd/learning_rate": 0.5 });
  });

  it("several of one kind have numbers", () => {
    const { hypers } = step('OptimizerMap(SGD(0.5), [["head/.*", SGD(0.25)]])', {
      "sgd/learning_rate": 0.5,
      "sgd_1/learning_rate": 0.25,
    });
    expect(hypers).toEqual({ "sgd/learning_rate": 0.5, "sgd_1/learning_rate": 0.25 });
  });

  it("a scale of the loss changes nothing but the rounding of small numbers", () => {
    const map = 'OptimizerMap(SGD(0.5), [["trunk/.*", Adam(0.01)]])';
    const { after } = step(`MultiOptimizer(${map}, loss_scale_factor = 1024.0)`, {
      "scaled_loss/learning_rate": 0.01,
      "scaled_loss_1/learning_rate": 0.5,
    });
    for (const [path, data] of Object.entries(named.after)) {
      data.forEach((value, i) => {
        expect(after[path as keyof typeof weights][i]).toBeCloseTo(value, 12);
      });
    }
  });

  it("stands beside optimizers of parts, which come first", () => {
    const { hypers } = step('OptimizerMap(SGD(0.5), [[".*/bias", Adam(0.01)]]), head = Lion(0.1)', {
      ...rates,
      "head/learning_rate": 0.1,
    });
    expect(hypers).toEqual({ ...rates, "head/learning_rate": 0.1 });
  });

  it.each([
    [
      'OptimizerMap(SGD(), [["trunk/[", Adam()]])',
      'the pattern must be a regular expression, not "trunk/["',
    ],
    [
      "OptimizerMap(0.1)",
      "what the function gives for `trunk/kernel` must be an optimizer, not the float 0.1",
    ],
    [
      "0.1",
      "`optimizer` must be an optimizer, or a function that gives one for a param's path, not the float 0.1",
    ],
  ])("%s: %s", (optimizer, message) => {
    expect(wrong(optimizer)).toEqual([message]);
  });
});
