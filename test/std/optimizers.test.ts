/** Every optimizer of the library, and the arguments they share, against Keras' formulas written out by hand. */

import { describe, expect, it } from "vitest";
import type { CaseProgram, Tensor } from "../conformance/cases/case-program.ts";
import { interpreterTarget } from "../conformance/cases/interpreter-target.ts";

type Numbers = readonly number[];

/** A rule for one param: new values from the old ones, the gradient, the step and what it keeps. */
type Rule = (w: Numbers, g: Numbers, t: number, kept: Record<string, number[]>) => Numbers;

const STEPS = 6;
const shapes = { w: [3, 2], b: [2] } as const;
type Name = keyof typeof shapes;
const names = Object.keys(shapes) as Name[];

const start: Readonly<Record<Name, Numbers>> = {
  w: [0.5, -1.25, 2, 0.75, -0.5, 1.5],
  b: [0.25, -0.75],
};

/** Gradients without a pattern, some of them large. */
const gradient = (name: Name, t: number): number[] =>
  start[name].map((_, i) => Math.sin(3.7 * i + 1.3 * t + (name === "b" ? 0.4 : 0)) * (1 + t / 2));

const tensor = (shape: Numbers, data: Numbers): Tensor => ({ dtype: "f32", shape, data });

/** The params after each step of an optimizer whose gradients are given. */
async function trajectory(optimizer: string, declarations: readonly string[] = []) {
  const program: CaseProgram = {
    declarations,
    params: new Map(names.map((name) => [name, tensor(shapes[name], start[name])])),
    inputs: new Map(names.map((name) => [`g_${name}`, tensor(shapes[name], gradient(name, 1))])),
    statements: [],
    outputs: [
      {
        name: "loss",
        expression: "sum(w * g_w) + sum(b * g_b)",
        shape: [],
        cotangent: tensor([], [1]),
      },
    ],
    optimizer,
  };
  const steps = Array.from({ length: STEPS }, (_, i) => ({
    columns: new Map(
      names.map((name) => [`g_${name}_rows`, tensor(shapes[name], gradient(name, i + 1))]),
    ),
  }));
  const { steps: after } = await interpreterTarget.run(program, steps);
  return after.map((tensors) => ({
    w: Array.from(tensors.get("Case/w")!),
    b: Array.from(tensors.get("Case/b")!),
    tensors,
  }));
}

function expectClose(found: Numbers, expected: Numbers, what: string): void {
  found.forEach((value, i) => {
    const difference = Math.abs(value - expected[i]!);
    expect(difference, `${what}[${i}]: ${value}, not ${expected[i]}`).toBeLessThan(1e-11);
  });
}

async function expectRule(optimizer: string, rule: Rule): Promise<void> {
  const found = await trajectory(optimizer);
  for (const name of names) {
    let w = start[name];
    const kept: Record<string, number[]> = {};
    for (let t = 1; t <= STEPS; t++) {
      w = rule(w, gradient(name, t), t, kept);
      expectClose(found[t - 1]![name], w, `${optimizer}: ${name} after ${t} steps`);
    }
  }
}

/** Replaces what is kept under a name, elementwise, and gives it. */
function keep(
  kept: Record<string, number[]>,
  key: string,
  length: number,
  next: (before: number, i: number) => number,
  initially = 0,
): number[] {
  const before = kept[key] ?? new Array<number>(length).fill(initially);
  kept[key] = before.map(next);
  return kept[key];
}

const sum = (values: Numbers) => values.reduce((total, value) => total + value, 0);
const norm = (values: Numbers) => Math.sqrt(sum(values.map((value) => value * value)));
const rms = (values: Numbers) => norm(values) / Math.sqrt(values.length);

const moments = (kept: Record<string, number[]>, g: Numbers, b1: number, b2: number) => ({
  m: keep(kept, "m", g.length, (m, i) => b1 * m + (1 - b1) * g[i]!),
  v: keep(kept, "v", g.length, (v, i) => b2 * v + (1 - b2) * g[i]! ** 2),
});

const adam =
  (lr: number, { b1 = 0.9, b2 = 0.999, epsilon = 1e-7, decay = 0 } = {}): Rule =>
  (w, g, t, kept) => {
    const { m, v } = moments(kept, g, b1, b2);
    const alpha = (lr * Math.sqrt(1 - b2 ** t)) / (1 - b1 ** t);
    return w.map((x, i) => {
      const decayed = x - x * decay * lr;
      return decayed - (alpha * m[i]!) / (Math.sqrt(v[i]!) + epsilon);
    });
  };

const sgd =
  (lr: number): Rule =>
  (w, g) =>
    w.map((x, i) => x - lr * g[i]!);

const columns = (values: Numbers): [number, number][] => [
  [values[0]!, values[1]!],
  [values[2]!, values[3]!],
  [values[4]!, values[5]!],
];

/** Newton-Schulz on the 2 × 2 Gram matrix of a tall matrix: its transpose is what Keras iterates on. */
function orthogonalized(g: Numbers): number[] {
  const size = norm(g) + 1e-7;
  let x = columns(g.map((value) => value / size));
  for (let step = 0; step < 5; step++) {
    const gram = [0, 1].map((i) => [0, 1].map((j) => sum(x.map((row) => row[i]! * row[j]!))));
    const b = [0, 1].map((i) =>
      [0, 1].map((j) => {
        const squared = gram[i]![0]! * gram[0]![j]! + gram[i]![1]! * gram[1]![j]!;
        return -4.775 * gram[i]![j]! + 2.0315 * squared;
      }),
    );
    x = x.map(([p, q]) => [
      3.4445 * p + b[0]![0]! * p + b[0]![1]! * q,
      3.4445 * q + b[1]![0]! * p + b[1]![1]! * q,
    ]);
  }
  return x.flat();
}

const rules: Readonly<Record<string, Rule>> = {
  "SGD(0.1)": sgd(0.1),
  "SGD(0.1, momentum = 0.8, nesterov = true)": (w, g, _, kept) => {
    const m = keep(kept, "m", w.length, (before, i) => 0.8 * before - 0.1 * g[i]!);
    return w.map((x, i) => x + 0.8 * m[i]! - 0.1 * g[i]!);
  },
  "RMSprop(0.01, momentum = 0.5, centered = true)": (w, g, _, kept) => {
    const v = keep(kept, "v", w.length, (before, i) => 0.9 * before + 0.1 * g[i]! ** 2);
    const a = keep(kept, "a", w.length, (before, i) => 0.9 * before + 0.1 * g[i]!);
    const step = keep(
      kept,
      "s",
      w.length,
      (before, i) => 0.5 * before + (0.01 * g[i]!) / Math.sqrt(v[i]! - a[i]! ** 2 + 1e-7),
    );
    return w.map((x, i) => x - step[i]!);
  },
  "Adam(0.01)": adam(0.01),
  "AdamW(0.01)": adam(0.01, { decay: 0.004 }),
  "Adam(0.01, amsgrad = true)": (w, g, t, kept) => {
    const { m, v } = moments(kept, g, 0.9, 0.999);
    const largest = keep(kept, "x", w.length, (before, i) => Math.max(before, v[i]!));
    const alpha = (0.01 * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
    return w.map((x, i) => x - (alpha * m[i]!) / (Math.sqrt(largest[i]!) + 1e-7));
  },
  "Adadelta(0.5)": (w, g, _, kept) => {
    const a = keep(kept, "a", w.length, (before, i) => 0.95 * before + 0.05 * g[i]! ** 2);
    const deltas = kept.d ?? w.map(() => 0);
    const step = w.map((_x, i) => (Math.sqrt(deltas[i]! + 1e-7) / Math.sqrt(a[i]! + 1e-7)) * g[i]!);
    kept.d = deltas.map((d, i) => 0.95 * d + 0.05 * step[i]! ** 2);
    return w.map((x, i) => x - 0.5 * step[i]!);
  },
  "Adagrad(0.1)": (w, g, _, kept) => {
    const a = keep(kept, "a", w.length, (before, i) => before + g[i]! ** 2, 0.1);
    return w.map((x, i) => x - (0.1 * g[i]!) / Math.sqrt(a[i]! + 1e-7));
  },
  "Adamax(0.02)": (w, g, t, kept) => {
    const m = keep(kept, "m", w.length, (before, i) => 0.9 * before + 0.1 * g[i]!);
    const u = keep(kept, "u", w.length, (before, i) => Math.max(0.999 * before, Math.abs(g[i]!)));
    return w.map((x, i) => x - (0.02 * m[i]!) / ((1 - 0.9 ** t) * (u[i]! + 1e-7)));
  },
  "Nadam(0.01)": (w, g, t, kept) => {
    const { m, v } = moments(kept, g, 0.9, 0.999);
    const u = (step: number) => 0.9 * (1 - 0.5 * 0.96 ** step);
    const [product] = keep(kept, "p", 1, (before) => before * u(t), 1);
    return w.map((x, i) => {
      const ahead =
        (u(t + 1) * m[i]!) / (1 - product! * u(t + 1)) + ((1 - u(t)) * g[i]!) / (1 - product!);
      return x - (0.01 * ahead) / (Math.sqrt(v[i]! / (1 - 0.999 ** t)) + 1e-7);
    });
  },
  "Ftrl(0.1, l1_regularization_strength = 0.05, l2_regularization_strength = 0.1, l2_shrinkage_regularization_strength = 0.02, beta = 0.3)":
    (w, g, _, kept) => {
      const before = kept.n ?? w.map(() => 0.1);
      const after = keep(kept, "n", w.length, (n, i) => n + g[i]! ** 2, 0.1);
      const z = keep(kept, "z", w.length, (old, i) => {
        const change = (Math.sqrt(after[i]!) - Math.sqrt(before[i]!)) / 0.1;
        return old + g[i]! + 2 * 0.02 * w[i]! - change * w[i]!;
      });
      return w.map((_x, i) => {
        const cut = Math.min(Math.max(z[i]!, -0.05), 0.05);
        return (cut - z[i]!) / (Math.sqrt(after[i]!) / 0.1 + 2 * (0.1 + 0.3 / (2 * 0.1)));
      });
    },
  "Lion(0.01)": (w, g, _, kept) => {
    const m = kept.m ?? w.map(() => 0);
    kept.m = m.map((before, i) => 0.99 * before + 0.01 * g[i]!);
    return w.map((x, i) => x - 0.01 * Math.sign(0.9 * m[i]! + 0.1 * g[i]!));
  },
  "Lamb(0.01)": (w, g, t, kept) => {
    const { m, v } = moments(kept, g, 0.9, 0.999);
    const step = w.map(
      (_x, i) => m[i]! / (1 - 0.9 ** t) / (Math.sqrt(v[i]! / (1 - 0.999 ** t)) + 1e-7),
    );
    return w.map((x, i) => x - (norm(w) / norm(step)) * 0.01 * step[i]!);
  },
  "Adafactor(0.01)": (w, g, t, kept) => {
    const square = g.map((value) => value ** 2 + 1e-30);
    const part = 1 - t ** -0.8;
    const mixed = (key: string, values: Numbers) =>
      keep(kept, key, values.length, (before, i) => part * before + (1 - part) * values[i]!);
    let moment: Numbers;
    if (w.length === 2) moment = mixed("v", square);
    else {
      const r = mixed(
        "r",
        columns(square).map(([p, q]) => (p + q) / 2),
      );
      const c = mixed(
        "c",
        [0, 1].map((j) => sum(columns(square).map((row) => row[j]!)) / 3),
      );
      const mean = sum(r) / 3;
      moment = r.flatMap((row) => c.map((column) => (row / mean) * column));
    }
    const step = g.map((value, i) => value / Math.sqrt(moment[i]!));
    const rate = Math.max(1e-3, rms(w)) * Math.min(0.01, 1 / Math.sqrt(t));
    return w.map((x, i) => x - (rate * step[i]!) / Math.max(1, rms(step)));
  },
  "Muon(0.01, weight_decay = 0.1)": (w, g, t, kept) => {
    if (w.length === 2) return adam(0.01, { decay: 0.004 })(w, g, t, kept);
    const m = keep(kept, "m", w.length, (before, i) => 0.95 * before + g[i]!);
    const x = orthogonalized(g.map((value, i) => value + 0.95 * m[i]!));
    return w.map((old, i) => old - old * 0.1 * 0.01 - 0.01 * 0.2 * Math.sqrt(3) * x[i]!);
  },
  "ScheduleFreeAdamW(0.05, warmup_steps = 4, weight_decay = 0.01)": (w, g, t, kept) => {
    const z = kept.z ?? [...w];
    const y = w.map((x) => x - x * 0.01 * 0.05);
    const v = keep(kept, "v", w.length, (before, i) => 0.999 * before + 0.001 * g[i]! ** 2);
    const rate = 0.05 * Math.min(t / 4, 1);
    const x = y.map((value, i) => (value - 0.1 * z[i]!) / 0.9);
    kept.z = z.map((old, i) => old - (rate * g[i]!) / (Math.sqrt(v[i]! / (1 - 0.999 ** t)) + 1e-8));
    const mean = x.map((old, i) => (1 - 1 / t) * old + (1 / t) * kept.z![i]!);
    return mean.map((value, i) => 0.1 * kept.z![i]! + 0.9 * value);
  },
};

describe("optimizers", () => {
  it.each(Object.keys(rules))("follow Keras' formula: %s", async (optimizer) => {
    await expectRule(optimizer, rules[optimizer]!);
  });
});

describe("arguments that all optimizers share", () => {
  it("decay weights apart from the gradient", async () => {
    await expectRule("Lion(0.01, weight_decay = 0.1)", (w, g, t, kept) =>
      rules["Lion(0.01)"]!(
        w.map((x) => x - x * 0.1 * 0.01),
        g,
        t,
        kept,
      ),
    );
  });

  it("clip each gradient, its elements, or all of them together", async () => {
    await expectRule("SGD(0.1, clipnorm = 1.0)", (w, g) =>
      w.map((x, i) => x - (0.1 * g[i]!) / Math.max(norm(g), 1)),
    );
    await expectRule("Adagrad(0.1, clipvalue = 0.5)", (w, g, t, kept) =>
      rules["Adagrad(0.1)"]!(
        w,
        g.map((value) => Math.min(Math.max(value, -0.5), 0.5)),
        t,
        kept,
      ),
    );
    await expectRule("SGD(0.1, global_clipnorm = 1.5)", (w, g, t) => {
      const whole = norm(names.flatMap((name) => gradient(name, t)));
      return w.map((x, i) => x - 0.1 * g[i]! * (1.5 / Math.max(whole, 1.5)));
    });
  });

  it("update once in so many steps, with the mean gradient", async () => {
    const optimizer = "Nadam(0.01, gradient_accumulation_steps = 2, weight_decay = 0.1)";
    await expectRule(optimizer, (w, g, t, kept) => {
      const total = keep(kept, "sum", g.length, (before, i) => before + g[i]!);
      if (t % 2 === 1) return w;
      const mean = total.map((value) => value / 2);
      kept.sum = w.map(() => 0);
      const decayed = w.map((x) => x - x * 0.1 * 0.01);
      return rules["Nadam(0.01)"]!(decayed, mean, t / 2, kept);
    });
  });

  it("count updates, not steps, in schedules", async () => {
    const schedule = "ExponentialDecay(0.1, 1, 0.5)";
    await expectRule(
      `SGD(${schedule}, gradient_accumulation_steps = 3, clipvalue = 1.0)`,
      (w, g, t, kept) => {
        const total = keep(kept, "sum", g.length, (before, i) => before + g[i]!);
        if (t % 3 !== 0) return w;
        kept.sum = w.map(() => 0);
        const cut = total.map((value) => Math.min(Math.max(value / 3, -1), 1));
        return w.map((x, i) => x - 0.1 * 0.5 ** (t / 3 - 1) * cut[i]!);
      },
    );
  });

  it("average weights, and let the average take their place", async () => {
    const optimizer = "SGD(0.1, use_ema = true, ema_momentum = 0.75, ema_overwrite_frequency = 3)";
    await expectRule(optimizer, (w, g, t, kept) => {
      const next = sgd(0.1)(w, g, t, kept);
      const share = t === 1 ? 0 : 0.75;
      const average = keep(kept, "a", w.length, (a, i) => share * a + (1 - share) * next[i]!);
      return t % 3 === 0 ? average : next;
    });
    const after = await trajectory("SGD(0.1, use_ema = true)");
    const averages = after.map(({ tensors }) => tensors.get("sgd/Case/b/average")![0]!);
    expect(averages[0]).toBe(after[0]!.b[0]);
    expect(averages[1]).toBeCloseTo(0.99 * averages[0]! + 0.01 * after[1]!.b[0]!, 12);
  });

  it("scale the loss without a trace", async () => {
    await expectRule("Adam(0.01, loss_scale_factor = 1024.0)", adam(0.01));
    await expectRule("LossScaleOptimizer(Adam(0.01))", adam(0.01));
  });

  it("are those of optimizers of one's own", async () => {
    const sign = [
      "optimizer Sign(learning_rate = 0.1) extends Optimizer {",
      "  update(w, g, t) {",
      "    w <- w - learning_rate * sign(g)",
      "  }",
      "}",
    ].join("\n");
    const halves = [
      "optimizer Halves() extends SGD {",
      "  gradient(w, g, t) {",
      "    return g / 2",
      "  }",
      "}",
    ].join("\n");
    const signs = await trajectory("Sign(0.5, weight_decay = 0.5, clipnorm = 1.0)", [sign]);
    const g = gradient("b", 1);
    const expected = start.b.map((x, i) => x - 0.25 * x - 0.5 * Math.sign(g[i]!));
    expectClose(signs[0]!.b, expected, "Sign");
    const halved = await trajectory("Halves(0.5)", [halves]);
    expectClose(
      halved[0]!.b,
      start.b.map((x, i) => x - 0.25 * g[i]!),
      "Halves",
    );
  });
});

describe("loss scaling", () => {
  it("skips steps with infinite gradients, halves the scale, and doubles it after good ones", async () => {
    const huge = [
      "optimizer Burst() extends LossScaleOptimizer {",
      "  gradient(w, g, t) {",
      "    return gradient(w, if t == 2 then 1e30 * g * 1e30 * 1e300 else g, t)",
      "  }",
      "}",
    ].join("\n");
    const optimizer = "Burst(SGD(0.1), initial_scale = 8.0, dynamic_growth_steps = 2)";
    const after = await trajectory(optimizer, [huge]);
    const scales = after.map(({ tensors }) => tensors.get("burst/dynamic_scale")![0]);
    const counts = after.map(({ tensors }) => tensors.get("burst/step_counter")![0]);
    expect(scales).toEqual([8, 4, 4, 8, 8, 16]);
    expect(counts).toEqual([1, 0, 1, 0, 1, 0]);
    expect(after[1]!.w).toEqual(after[0]!.w);
    expect(after[2]!.w).not.toEqual(after[1]!.w);
  });
});
