/** Loops of the language, by the values that the interpreter gives them. */

import { describe, expect, it } from "vitest";
import { lowerSound } from "./lowering.ts";
import { evaluateExpression, graphsOf, predict, run } from "./run-program.ts";

const x = { x: [1, 2, 3, 4, 5, 6] };
const type = { x: "f32[N, 3]" };

describe("a loop carries values from step to step", () => {
  it.each([
    ["the last value", "  y = scan t in 3 from zeros([N]) { y' = 2 * y + x[:, t] }", [11, 32]],
    ["backwards", "  y = scan t in 3 reversed from zeros([N]) { y' = 2 * y + x[:, t] }", [17, 38]],
    [
      "several",
      `  (a, b) = scan t in 3 from (zeros([N]), 1.0) {
    b' = 2 * b
    a' = a + x[:, t] * b'
  }
  y = a + b`,
      [2 + 8 + 24 + 8, 8 + 20 + 48 + 8],
    ],
    [
      "all values of a carry",
      "  h = scan t in 3 from zeros([N]) { h' = h + x[:, t] }\n  y = h.all",
      [1, 3, 6, 4, 9, 15],
    ],
    [
      "all values, backwards",
      "  h = scan t in 3 reversed from zeros([N]) { h' = h + x[:, t] }\n  y = h.all",
      [6, 5, 3, 15, 11, 6],
    ],
    [
      "names of the body",
      `  h = scan t in 3 from zeros([N]) {
    z = h - x[:, t]
    h' = h + x[:, t]
  }
  y = stack([h, z.last, sum(z.all, axis = 1)], axis = 1)`,
      [6, 0, -2, 15, 3, -2],
    ],
    [
      "rank 0, and the variable",
      `  h = scan t in 3 from 1.0 {
    k = 2 * t
    h' = 3 * h + f32(k)
  }
  y = 0 * x[:, 0] + h.last + sum(h.all) + sum(k.all) + t.last`,
      [37 + (3 + 11 + 37) + 6 + 2, 37 + (3 + 11 + 37) + 6 + 2],
    ],
  ])("%s", (_, body, expected) => {
    expect(evaluateExpression(type, body, x, 2)).toEqual(expected);
  });
});

describe("what stands in the body", () => {
  it.each([
    ["the variable in arithmetic", "h' = h + x[:, t] * (2 * t + 1)", [1 + 6 + 15, 4 + 15 + 30]],
    ["as a float", "h' = h + x[:, t] * f32(t) / 2", [4, 8.5]],
    ["a slice that reads before the start", "h' = h + x[:, t - 1]", [3, 9]],
    ["index notation", "z[n] = x[n, t - 1] + x[n, t]\n h' = h + z", [9, 24]],
    ["a reduction", "z[n] = sum[i] (if i <= t then x[n, i] else 0)\n h' = h + z", [10, 28]],
    ["a condition on the variable", "h' = if t == 0 then x[:, t] else h * x[:, t]", [6, 120]],
    ["a static loop", "h' = h\n for k in [1, 2] { h' = h' + k * x[:, t] }", [18, 45]],
    [
      "conditions of the variable and data",
      "h' = if t > 0 and x[:, t] > 2 then h + 1 else h",
      [1, 2],
    ],
    ["names made of it", "k = t - 1\n h' = h + f32(k) * x[:, k]", [2, 5]],
    ["quotients", "h' = h + x[:, (t + 1) / 2]", [5, 14]],
  ])("%s", (_, body, expected) => {
    const text = `  y = scan t in 3 from zeros([N]) {\n${body.replace(/h'/g, "y'").replace(/\bh\b/g, "y")}\n }`;
    expect(evaluateExpression(type, text, x, 2)).toEqual(expected);
  });

  it("loops", () => {
    const body = `  y = scan t in 3 from zeros([N]) {
    s = scan k in 2 from 0.5 * y { s' = s + x[:, t] * f32(k + t) }
    y' = s + sum(s.all, axis = 1)
  }`;
    const plain = (row: number[]): number => {
      let y = 0;
      for (let t = 0; t < 3; t++) {
        let s = 0.5 * y;
        let all = 0;
        for (let k = 0; k < 2; k++) {
          s += row[t]! * (k + t);
          all += s;
        }
        y = s + all;
      }
      return y;
    };
    expect(evaluateExpression(type, body, x, 2)).toEqual([plain([1, 2, 3]), plain([4, 5, 6])]);
  });

  it("layers and lists of carries", () => {
    const text = `
layer Cell(units: int)(x: f32[N, 1], states: list) {
  h = Dense(units, use_bias = false)(concat([x, states[0]]))
  return [h, states[1] + h]
}
model M {
  input x: f32[N, 3]
  cell = Cell(2)
  s = scan t in 3 from [zeros([N, 2]), zeros([N, 2])] { s' = cell(x[:, t][:, none], s) }
  output y = s[1] + s.all[1][:, 0]
}`;
    const kernel = [1, 0.5, 0.25, -1, 2, 0.5];
    const row = (xs: number[]): number[] => {
      let h = [0, 0];
      const total = [0, 0];
      let first: number[] = [];
      for (const [t, x] of xs.entries()) {
        const given = [x, ...h];
        h = [0, 1].map((o) => given.reduce((sum, g, i) => sum + g * kernel[2 * i + o]!, 0));
        for (const o of [0, 1]) total[o]! += h[o]!;
        if (t === 0) first = [...total];
      }
      return total.map((v, o) => v + first[o]!);
    };
    const leaves = { ...x, "M/cell/dense/kernel": kernel };
    expect(predict(text, leaves, 2).y).toEqual([...row([1, 2, 3]), ...row([4, 5, 6])]);
  });
});

describe("checkpoints change no value", () => {
  const seven = { x: Array.from({ length: 14 }, (_, i) => (i * 5) % 11) };
  const body = (checkpoint: string, direction = "") => `
  h = scan t in 7${direction} from x[:, 0]${checkpoint} {
    z = h * 0.5 + x[:, t]
    s = scan k in 2 from z { s' = 0.25 * s + f32(k + t) }
    h' = s + x[:, t - 1]
  }
  y = concat([h.all, z.all, s.all, h[:, none]], axis = 1)`;
  it.each([1, 2, 3, 4, 6, 7, 9])("every %d", (every) => {
    for (const direction of ["", " reversed"]) {
      const plain = evaluateExpression({ x: "f32[N, 7]" }, body("", direction), seven, 2);
      const split = body(` checkpoint every ${every}`, direction);
      expect(evaluateExpression({ x: "f32[N, 7]" }, split, seven, 2)).toEqual(plain);
    }
  });
});

describe("what a loop means to the rest of a program", () => {
  const layer = `
layer Noise()(x: f32[N, T]) {
  _h = scan t in T from zeros([N])CHECKPOINT { _h' = 0 * _h + uniform([N]) + 0 * x[:, t] }
  return _h.all
}
model M {
  input x: f32[N, 3]
  output y = x |> Noise
}`;

  it("draws the random numbers of what it stacks, with checkpoints too", () => {
    const drawn = predict(layer.replace("CHECKPOINT", ""), x, 2).y!;
    expect(new Set(drawn).size).toBe(6);
    const whole = predict(
      `layer Noise()(x: f32[N, T]) { return uniform([N, T]) + 0 * x }
model M {
  input x: f32[N, 3]
  output y = x |> Noise
}`,
      x,
      2,
    );
    expect(drawn).toEqual(whole.y);
    expect(predict(layer.replace("CHECKPOINT", " checkpoint every 2"), x, 2).y).toEqual(drawn);
  });

  it("shares params over steps, and adds the penalties of its params once", () => {
    const program = lowerSound(`
layer Cell()(h: f32[N], x: f32[N]) {
  param w: f32[1] = ones, regularizer = L2(0.5)
  return w * h + x
}
model M {
  input x: f32[N, 3]
  cell = Cell()
  h = scan t in 3 from zeros([N]) { h' = cell(h, x[:, t]) }
  output y = h
}
data d { train { x: f32[3] = csv("a.csv")
  t: f32 = csv("b.csv")
  s: f32 = csv("c.csv") } }
train M on d {
  loss mean((t - y)^2)
  optimizer SGD(0.1)
  metrics off = mean(abs(t - y))
  sample_weight s
}`);
    graphsOf(program);
    const leaves = { ...x, t: [1, 2], s: [1, 0.5], "M/cell/w": [2] };
    const { results, assigned } = run(program, program.training!.evaluate, leaves, { n: 2 });
    const [first, second] = [4 + 4 + 3 - 1, 16 + 10 + 6 - 2];
    expect(results.loss).toEqual([(first ** 2 + 0.5 * second ** 2) / 2 + 0.5 * 4]);
    expect(assigned["metrics/off/total"]).toEqual([first + 0.5 * second]);
    const params = program.persistent.filter(({ role }) => role === "param");
    expect(params.map(({ leaf }) => leaf.shape)).toEqual([[{ batch: 0, constant: 1 }]]);
  });
});

describe("a long short-term memory", () => {
  const units = 2;
  const text = `
layer Memory(units: int)(x: f32[N, T, I]) {
  param kernel: f32[I, 4*units] = glorot_uniform
  param recurrent: f32[units, 4*units] = glorot_uniform
  (h, c) = scan t in T reversed from (zeros([N, units]), zeros([N, units])) {
    (i, f, g, o) = split(x[:, t] @ kernel + h @ recurrent, 4)
    isReal = x[:, t, 0:1] > 0
    c' = if isReal then sigmoid(f) * c + sigmoid(i) * tanh(g) else c
    h' = if isReal then sigmoid(o) * tanh(c') else h
  }
  return concat([h.all, c.all, sigmoid(f.all)])
}
model M {
  input x: f32[N, 4, 2]
  output y = x |> Memory(${units})
}`;
  const at = (i: number) => Math.sin(3 * i + 1);
  const kernel = Array.from({ length: 2 * 4 * units }, (_, i) => at(i));
  const recurrent = Array.from({ length: units * 4 * units }, (_, i) => at(i + 50));
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));

  /** [h, c, σ(f)] of each step of a row. */
  function plain(row: readonly number[]): number[] {
    let h = new Array<number>(units).fill(0);
    let c = new Array<number>(units).fill(0);
    const steps: number[][] = [];
    for (let t = 3; t >= 0; t--) {
      const given = [...row.slice(2 * t, 2 * t + 2), ...h];
      const weights = [...kernel, ...recurrent];
      const z = Array.from({ length: 4 * units }, (_, o) =>
        given.reduce((sum, v, i) => sum + v * weights[i * 4 * units + o]!, 0),
      );
      const gate = (k: number, u: number) => z[k * units + u]!;
      if (row[2 * t]! > 0) {
        c = c.map((v, u) => sigmoid(gate(1, u)) * v + sigmoid(gate(0, u)) * Math.tanh(gate(2, u)));
        h = h.map((_, u) => sigmoid(gate(3, u)) * Math.tanh(c[u]!));
      }
      steps[t] = [...h, ...c, ...h.map((_, u) => sigmoid(gate(1, u)))];
    }
    return steps.flat();
  }

  it("is what a plain loop computes", () => {
    const rows = [0, 1].map((n) => Array.from({ length: 8 }, (_, i) => at(20 * n + i + 100)));
    const leaves = { x: rows.flat(), "M/memory/kernel": kernel, "M/memory/recurrent": recurrent };
    const found = predict(text, leaves, 2).y!;
    const expected = rows.flatMap(plain);
    expect(found).toHaveLength(expected.length);
    found.forEach((element, i) => {
      expect(element).toBeCloseTo(expected[i]!, 12);
    });
  });
});
