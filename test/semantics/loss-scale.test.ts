/** Loss scaling in the interpreter: Keras' rules written out by hand, step by step, and gradients that it leaves alone. */

import { describe, expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { lowerSound } from "./lowering.ts";
import { graphsOf, run, type Tensors } from "./run-program.ts";

const scale = "loss_scale/dynamic_scale";
const steps = "loss_scale/step_counter";

const regression = (precision: string, optimizer = "SGD(0.0625, momentum = 0.5)"): string => `
  model M {
    input x: f32[N, 1]
    output y = x |> Dense(1, use_bias = false)
  }
  data d {
    train {
      x: f32[1] = npy("x.npy")
      t: f32[1] = npy("t.npy")
    }
  }
  train M on d {
    loss mse(t, y)
    optimizer ${optimizer}
    precision ${precision}
  }`;

const w = "M/dense/kernel";
const m = `sgd/${w}/m`;

/** One step of the graph as it runs, of one row. */
function stepOf(program: LoweredProgram, leaves: Tensors) {
  const { context, training } = program;
  const train = differentiate(context, canonicalise(context, training!.train));
  const scalars = { learning_rate: 0.0625, t: 1 };
  const plain = run(program, train, leaves, { scalars });
  const simplified = run(program, simplify(context, train), leaves, { scalars });
  for (const [path, values] of Object.entries(plain.assigned)) {
    const rewritten = simplified.assigned[path]!;
    values.forEach((value, i) => {
      const isSame = Object.is(rewritten[i], value) || Math.abs(rewritten[i]! - value) < 1e-10;
      expect(isSame, `${path}: ${rewritten[i]}, not ${value}`).toBe(true);
    });
  }
  return plain;
}

interface State {
  readonly w: number;
  readonly m: number;
  readonly scale: number;
  readonly steps: number;
}

/** Keras' rules by hand, for y = w·x, the mean squared error, and SGD with momentum 0.5. */
function byHand({ w, m, scale, steps }: State, x: number, t: number): State {
  const gradient = 2 * (w * x - t) * x;
  if (!Number.isFinite(scale * gradient)) {
    return { w, m, scale: Math.max(1, scale / 2), steps: 0 };
  }
  const moved = 0.5 * m - 0.0625 * gradient;
  const grown = steps + 1 === 2000;
  return { w: w + moved, m: moved, scale: grown ? 2 * scale : scale, steps: grown ? 0 : steps + 1 };
}

const leavesOf = (state: State): Tensors => ({
  [w]: [state.w],
  [m]: [state.m],
  [scale]: [state.scale],
  [steps]: [state.steps],
});

describe("loss scaling", () => {
  const program = lowerSound(regression("f16"));

  it("starts at 2¹⁵, kept as slots, and only for f16", () => {
    graphsOf(program);
    const initial = run(program, program.init, {}).results;
    expect([initial[scale], initial[steps]]).toEqual([[32768], [0]]);
    const slots = program.persistent.filter(({ role }) => role === "slot");
    expect(slots.map(({ leaf: { node } }) => node.kind === "leaf" && node.path)).toEqual([
      scale,
      steps,
      m,
    ]);
    const without = lowerSound(regression("bf16"));
    expect(Object.keys(run(without, without.init, {}).results)).not.toContain(scale);
  });

  it("follows Keras' rules: overflow skips and halves, 2000 steps double", () => {
    let state: State = { w: 1, m: 0, scale: 32768, steps: 0 };
    const rows: readonly (readonly [x: number, t: number, steps?: number])[] = [
      [2, 1],
      [1, 0.5],
      [Number.POSITIVE_INFINITY, 0],
      [1, 3],
      [1, Number.NaN],
      [2, 4],
      [1, 1, 1998],
      [1, 2],
      [0.5, 1],
    ];
    const scales: number[] = [];
    for (const [x, t, jump] of rows) {
      if (jump !== undefined) state = { ...state, steps: jump };
      const wanted = byHand(state, x, t);
      const { assigned } = stepOf(program, { x: [x], t: [t], ...leavesOf(state) });
      expect(assigned).toMatchObject(leavesOf(wanted));
      state = wanted;
      scales.push(state.scale);
    }
    expect(scales).toEqual([32768, 32768, 16384, 16384, 8192, 8192, 8192, 16384, 16384]);
  });

  it("never leaves the numbers from which it can recover", () => {
    const next = (from: number, x: number, counter = 0) =>
      stepOf(program, { x: [x], t: [0], [scale]: [from], [steps]: [counter] }).assigned[scale];
    expect(next(1, Number.NaN)).toEqual([1]);
    expect(next(1.5, Number.NaN)).toEqual([1]);
    expect(next(2 ** 126, 1, 1999)).toEqual([2 ** 126]);
  });

  it("reports the loss as it is", () => {
    const { results } = stepOf(program, { x: [2], t: [1], [w]: [1] });
    expect(results.loss).toEqual([1]);
  });

  it.each(["SGD(0.0625, momentum = 0.5)", "SGD(0.0625, global_clipnorm = 0.5)", "Adam(0.0625)"])(
    "updates by the gradients of the loss itself: %s",
    (optimizer) => {
      const leaves = { x: [3], t: [1], [w]: [0.7] };
      const [scaled, plain] = ["f16", "f32"].map(
        (precision) => stepOf(lowerSound(regression(precision, optimizer)), leaves).assigned,
      );
      // Scales are powers of two: nothing is rounded but what is.
      for (const [path, values] of Object.entries(plain!)) expect(scaled![path]).toEqual(values);
    },
  );
});
