/** `gradient(y, x)`: derivatives that a model computes with, against formulas, differences and each other. */

import { describe, expect, test } from "vitest";
import { printGraph } from "../../compiler/graph/print.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { lowerSound, lowerText, messages } from "./lowering.ts";
import { graphsOf, predict, run, type Tensors } from "./run-program.ts";

describe("against formulas", () => {
  test("first and second derivatives of a power", () => {
    const text = `
model M {
  input x: f32[N, 3]
  first = gradient(x^3, x)
  output y = first
  output z = gradient(first, x)
}`;
    expect(predict(text, { x: [1, -2, 3] })).toEqual({ y: [3, 12, 27], z: [6, -12, 18] });
  });

  test("the sum over all elements of y, of which a sample may enter into several", () => {
    const text = `
model M {
  input x: f32[N, 2]
  output y = gradient(x * mean(x, axis = 0), x)
}`;
    // Σ x·m is N·m² in each column, whose derivative by x is 2·m.
    expect(predict(text, { x: [1, 2, 3, 6] }, 2)).toEqual({ y: [4, 8, 4, 8] });
  });

  test("by a value in between, which what it is computed from does not stand for", () => {
    const text = `
model M {
  input x: f32[N]
  h = 2 * x
  y = h^2 + x
  output dh = gradient(y, h)
  output dx = gradient(y, x)
}`;
    expect(predict(text, { x: [3] })).toEqual({ dh: [12], dx: [25] });
  });

  test("mixed, by slices that canonical form reads through", () => {
    const text = `
model M {
  input place: f32[N, 2]
  x = 3 * place[:, 0]
  t = place[:, 1] + 1
  joined = stack([x, t], axis = -1)
  u = joined[:, 0]^2 * joined[:, 1]^3
  u_x = gradient(u, x)
  output xt = gradient(u_x, t)
  output tx = gradient(gradient(u, t), x)
  output xx = gradient(u_x, x)
}`;
    // x = 6, t = 2: u_xt = 6·x·t², u_xx = 2·t³.
    expect(predict(text, { place: [2, 1] })).toEqual({ xt: [144], tx: [144], xx: [16] });
  });

  test("of a linear function, zero", () => {
    const text = `
model M {
  input x: f32[N, 2]
  output y = gradient(gradient(3 * x, x), x)
}`;
    expect(predict(text, { x: [1, 2] })).toEqual({ y: [0, 0] });
  });

  test("in layers and functions, and of what stop_gradient holds", () => {
    const text = `
fn slope(f: fn, x) = gradient(f(x), x)
fn cubed(x) = x^3

layer Slope(f: fn)(x: f32[N]) = slope(f, x) + gradient(x * stop_gradient(x), x)

model M {
  input x: f32[N]
  output y = x |> Slope(cubed)
}`;
    expect(predict(text, { x: [2] })).toEqual({ y: [14] });
  });

  test("a function's own derivative is differentiated again", () => {
    const text = `
fn odd(x) = x gradient(d) { return d * x^2 }

model M {
  input x: f32[N]
  first = gradient(odd(x), x)
  output y = first
  output z = gradient(first, x)
}`;
    expect(predict(text, { x: [3] })).toEqual({ y: [9], z: [6] });
  });

  test("logarithms are stable before they are differentiated", () => {
    const text = `
model M {
  input x: f32[N, 2]
  p = softmax(x)
  output y = gradient(-log(p[:, 0]), x)
}`;
    expect(predict(text, { x: [0, 2000] })).toEqual({ y: [-1, 1] });
  });

  test("within the steps of a loop", () => {
    const text = `
model M {
  input x: f32[N]
  h = scan t in 3 from x { h' = h - 0.25 * gradient(h^2, h) }
  output y = h
  output all = h.all
}`;
    expect(predict(text, { x: [8] })).toEqual({ y: [1], all: [4, 2, 1] });
  });
});

/** Central differences of the sum of a result by each element of a leaf. */
function differences(
  program: LoweredProgram,
  result: string,
  leaf: string,
  leaves: Tensors,
  n: number,
): number[] {
  const step = 1e-5;
  const sumAt = (values: readonly number[]): number => {
    const { results } = run(program, program.predict, { ...leaves, [leaf]: values }, { n });
    return results[result]!.reduce((sum, value) => sum + value, 0);
  };
  const values = leaves[leaf]!;
  return values.map((value, i) => {
    const [high, low] = [step, -step].map((d) => sumAt(values.with(i, value + d)));
    return (high! - low!) / (2 * step);
  });
}

/** The outputs `first` and `second` are derivatives of `y` and `first` by x. */
function expectDerivatives(body: string, type: string, x: readonly number[], n: number): void {
  const program = lowerSound(`model M {\n  input x: ${type}\n${body}\n  output y
  output first = gradient(y, x)\n  output second = gradient(first^2, x)\n  output squares = first^2\n}`);
  graphsOf(program);
  const { results } = run(program, program.predict, { x }, { n });
  for (const [of, derivative] of [
    ["y", "first"],
    ["squares", "second"],
  ] as const) {
    const expected = differences(program, of, "x", { x }, n);
    const found = results[derivative]!;
    expect(found.some((value) => value !== 0)).toBe(true);
    found.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-7 * (1 + Math.abs(value)));
    });
  }
}

/** Numbers that no two of are alike. */
const spread = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(1.3 * i + 0.4) + 0.01 * i);

describe("against differences in float64", () => {
  test("dense layers", () => {
    expectDerivatives(
      "  y = x |> Dense(5, tanh) |> Dense(4, softplus) |> Dense(1)",
      "f32[N, 3]",
      spread(6),
      2,
    );
  });

  test("convolutions and pools", () => {
    const body = `  h = x |> Conv2D(3, 3, padding = "same", activation = tanh) |> MaxPooling2D
  y = h |> Conv2D(2, 2, strides = 2, activation = sigmoid) |> GlobalAveragePooling2D |> Dense(1)`;
    expectDerivatives(body, "f32[N, 4, 4, 1]", spread(16), 1);
  });

  test("normalisation over features, and attention", () => {
    const body = `  h = x |> LayerNormalization
  y = h + (MultiHeadAttention(2, 3)(h, h)) |> Dense(1)`;
    expectDerivatives(body, "f32[N, 2, 3]", spread(6), 1);
  });

  test("statistics of the batch", () => {
    expectDerivatives(
      "  y = tanh((x - mean(x, axis = 0)) * rsqrt(moments(x, axis = 0)[1] + 0.1))",
      "f32[N, 2]",
      spread(6),
      3,
    );
  });

  test("products, logarithms and gathers", () => {
    const body = `  k = argmax(x, axis = -1)
  chosen[n] = x[n, k[n]]
  y = prod(x, axis = -1) * logsumexp(x, axis = -1) + chosen^3`;
    expectDerivatives(body, "f32[N, 3]", spread(6), 2);
  });
});

describe("loops", () => {
  test("are gone through, and stay what they are for others", () => {
    const text = `  z = tanh(x)
  h = scan t in 3 from z[:, 0] { h' = tanh(h * z[:, t] + 0.5 * h) }
  y = h + sum(h.all, axis = 1)^2 + sum(gradient(h^2 + h.all[:, 1], z), axis = 1)`;
    expectDerivatives(text, "f32[N, 3]", spread(6), 2);
  });

  test("recurrent layers", () => {
    expectDerivatives("  y = x |> LSTM(2) |> Dense(1)", "f32[N, 3, 1]", spread(6), 2);
  });

  test("whose steps ask for derivatives, by what they begin with", () => {
    const text = `  h = scan t in 3 from x { h' = h - 0.1 * gradient(cos(h) + h^4, h) }
  y = h^3`;
    expectDerivatives(text, "f32[N, 2]", [0.4, -0.3], 1);
  });
});

describe("loops whose steps ask for derivatives", () => {
  const settling = (checkpoint: string) => `  z = 3 * x
  h = scan t in 3 from x ${checkpoint} { h' = h - 0.1 * gradient(sin(h * z), h) }
  y = h^3`;

  test.each(["", "checkpoint every 2"])("by what they read from outside %s", (checkpoint) => {
    const program = lowerSound(`model M {
  input x: f32[N, 2]
${settling(checkpoint)}
  output by_z = 3 * gradient(y, z)
  output by_x = gradient(y, x)
  output by_z_of_x = gradient(gradient(y, x), z)
}`);
    graphsOf(program);
    const leaves = { x: [0.4, -0.3] };
    const { results } = run(program, program.predict, leaves, { n: 1 });
    // What z gives and what the loop begins with.
    const begun = lowerSound(`model M {
  input x: f32[N, 2]
  b = 1 * x
  z = 3 * stop_gradient(x)
  h = scan t in 3 from b { h' = h - 0.1 * gradient(sin(h * z), h) }
  output d = gradient(h^3, x)
}`);
    const { d } = run(begun, begun.predict, leaves, { n: 1 }).results;
    results.by_x!.forEach((whole, i) => {
      expect(results.by_z![i]! + d![i]!).toBeCloseTo(whole, 12);
      expect(results.by_z![i]!).not.toBe(0);
      expect(results.by_z_of_x![i]!).not.toBe(0);
    });
  });

  test("against differences", () => {
    expectDerivatives(settling(""), "f32[N, 2]", [0.4, -0.3], 1);
  });
});

describe("says what is wrong", () => {
  const said = (statements: string): string[] =>
    messages(
      lowerText(`model M {\n  input x: f32[N, 2]\n  input k: i32[N, 2]\n${statements}\n}`)
        .diagnostics,
    ).filter((message) => !message.startsWith("unused"));

  test("integers, numbers and elements have none", () => {
    expect(said("  output y = gradient(x, k)")).toMatchInlineSnapshot(`
      [
        "wrong-type: the argument \`x\` of \`gradient\` must be a tensor of floats, not i32[N, 2] [model.nn:77]",
      ]
    `);
    expect(said("  output y = gradient(2, x)")).toMatchInlineSnapshot(`
      [
        "wrong-type: the argument \`y\` of \`gradient\` must be a tensor of floats, not the int 2 [model.nn:74]",
      ]
    `);
    expect(said("  y[n, i] = gradient(x[n, i]^2, x[n, i])\n  output y")).toMatchInlineSnapshot(`
      [
        "wrong-type: the argument \`y\` of \`gradient\` must be a tensor of floats, not an element of type f32 [model.nn:73]",
        "wrong-type: the argument \`x\` of \`gradient\` must be a tensor of floats, not an element of type f32 [model.nn:84]",
      ]
    `);
  });

  test("what is not computed from x", () => {
    expect(said("  part = x[:, 0]\n  output y = gradient(sum(x^2), part)")).toMatchInlineSnapshot(`
      [
        "gradient-of-unrelated: the first argument of \`gradient\` is not computed from the second [model.nn:101]
          model.nn:91 f32",
      ]
    `);
  });

  test("the gradients that an optimizer is given", () => {
    const text = `
optimizer Bent(learning_rate = 0.1) {
  update(w, g, t) {
    w <- w - learning_rate * gradient(g * w, w)
  }
}

model M {
  input x: f32[N, 2]
  output y = x |> Dense(1)
}

data d {
  train {
    x: f32[2] = npy("x.npy")
    t: f32[1] = npy("t.npy")
  }
}

train M on d {
  loss mse(t, y)
  optimizer Bent()
}`;
    expect(messages(lowerText(text).diagnostics)).toMatchInlineSnapshot(`
      [
        "gradient-out-of-reach: this derivative goes through the gradients that an optimizer is given, where there is none [model.nn:88]",
      ]
    `);
  });
});

test("is ordinary graph, and what it shares with its value is computed once", () => {
  const text = `
model M {
  input x: f32[N, 2]
  y = tanh(x)
  output slope = gradient(y, x)
  output both = y + slope
}`;
  const { predict: graph } = lowerSound(text);
  expect(printGraph(graph)).toMatchInlineSnapshot(`
    "graph predict, N ≤ 32
    %0: f32[N, 2] = input x
    %1: f32[N, 2] = tanh(%0[i0, i1])
    %2: f32[N, 2] = (1.0 - %1[i0, i1]) * (1.0 + %1[i0, i1])
    %3: f32[N, 2] = %1[i0, i1] + %2[i0, i1]
    slope = %2
    both = %3"
  `);
});

test("belongs to the layers that it is the derivative of, not to where it is asked for", () => {
  const text = `
model M {
  input x: f32[N, 2]
  y = x |> Dense(3, tanh)
  output slope = gradient(y, x)
}`;
  const { predict: graph, context } = lowerSound(text);
  const origins = context.origins(graph.results[0]!.value.node);
  expect(origins.map(({ label, path, backward }) => ({ label, path, backward }))).toEqual([
    { label: "Dense", path: "M/dense", backward: true },
  ]);
});
