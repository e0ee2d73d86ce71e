/** What `nnc check --gradients` finds, and what it does not hold against a right program. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkDerivatives, type DerivativeReport } from "../../compiler/derivatives/check.ts";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { lower } from "../../compiler/semantics/lower.ts";
import { lowerSound, messages, readStd } from "../semantics/lowering.ts";

const examples = join(import.meta.dirname, "../../dsl-examples");

function checkText(text: string, budget = 2e8): DerivativeReport {
  return checkDerivatives(lowerSound(text), { all: true, budget });
}

/** `function soft: agrees`, one a check. */
function outcomes({ checks }: DerivativeReport): string[] {
  return checks.map(({ kind, name, path, outcome, reason = "" }) =>
    [kind, path === "" ? name : path, `${outcome}${reason && `: ${reason}`}`].join(" "),
  );
}

function titles({ diagnostics }: DerivativeReport): string[] {
  return diagnostics.map(({ title }) => title.replaceAll(/-?\d+\.\d+(e-?\d+)?/g, "#"));
}

const withModel = (fn: string, call: string): string => `
${fn}

model M {
  input x: f32[N, 3]
  output y = ${call}
}
`;

describe("derivatives of functions' own", () => {
  test.each([
    ["a factor", "fn f(x) = x^3 gradient(d) { return 2 * d * x^2 }", "f(x)", "f", "x"],
    ["a sign", "fn f(x) = sin(x) gradient(d) { return -d * cos(x) }", "f(x)", "f", "x"],
    [
      "the second parameter",
      "fn f(x, k) = x * k gradient(d) { return (d * k, d) }",
      "f(x, x + 1)",
      "f",
      "k",
    ],
    [
      "one of several results",
      "fn f(x) {\n return (sin(x), cos(x))\n} gradient(a, b) { return a * cos(x) + b * sin(x) }",
      "sum(f(x)[0] * f(x)[1], axis = 1)",
      "f",
      "x",
    ],
    [
      "a sum that is not taken",
      "fn f(x, b: f32[3]) = x + b gradient(d) { return (d, d[0]) }",
      "f(x, mean(x, axis = 0))",
      "f",
      "b",
    ],
    [
      "one branch",
      "fn f(x) = if x > 0.5 then x^2 else x gradient(d) { return d }",
      "f(x)",
      "f",
      "x",
    ],
    [
      "the order of elements",
      "fn f(x) = x * exp(x) gradient(d) { return d[:, ::-1] * exp(x) * (1 + x) }",
      "f(x)",
      "f",
      "x",
    ],
  ])("are found wrong in %s", (_, fn, call, name, by) => {
    const report = checkText(withModel(fn, call));
    expect(titles(report)).toEqual([
      `the derivative of \`${name}\` by \`${by}\` is # where it should be #`,
    ]);
  });

  test.each([
    ["smooth", "fn f(x) = x^3 gradient(d) { return 3 * d * x^2 }", "f(x)"],
    ["with a kink", "fn f(x) = abs(x) gradient(d) { return d * sign(x) }", "f(x)"],
    ["with kinks everywhere", "fn f(x) = floor(1000000 * x) gradient(_d) { return 0 }", "f(x)"],
    [
      "given the same twice",
      "fn f(x, y) = x * y^2 gradient(d) { return (d * y^2, 2 * d * x * y) }",
      "f(x, x)",
    ],
    ["with what is stopped", "fn f(x) = x * stop_gradient(x) gradient(d) { return d * x }", "f(x)"],
    [
      "as another is meant",
      "fn f(x) = 3 * stop_gradient(x) - 2 * x gradient(d) { return -2 * d }",
      "f(x)",
    ],
    [
      "one in another",
      "fn g(x) = x^2 gradient(d) { return 2 * d * x }\nfn f(x) = g(g(x)) gradient(d) { return 4 * d * x^3 }",
      "f(x)",
    ],
  ])("are right: %s", (_, fn, call) => {
    const report = checkText(withModel(fn, call));
    expect(titles(report)).toEqual([]);
    expect(report.checks.length).toBeGreaterThan(0);
    expect(new Set(report.checks.map(({ outcome }) => outcome))).toEqual(new Set(["agrees"]));
  });
});

describe("losses and layers", () => {
  test("are checked, one by one", () => {
    const report = checkText(`
model M {
  input x: f32[N, 3]
  input token: i32[N]
  h = x |> Dense(4, relu) |> BatchNormalization |> Dropout(0.5)
  table = one_hot(token, 5)
  output y = h |> Dense(5, softmax)
  output z = table |> Dense(2)
}

data d {
  train {
    x: f32[3] = npy("x.npy")
    token: i32 = npy("token.npy")
    class: u8 = npy("class.npy")
  }
}

train M on d {
  loss sparse_categorical_crossentropy(class, y) + mean(z^2)
  optimizer Adam()
}
`);
    expect(outcomes(report)).toEqual([
      "loss train agrees",
      "layer M/dense agrees",
      "layer M/batch_normalization agrees",
      "layer M/dropout agrees",
      "layer M/dense_1 agrees",
      "layer M/dense_2 agrees",
    ]);
  });

  test.each([
    ["by the precision", "SGD()", "precision f16"],
    ["by the optimizer", "SGD(loss_scale_factor = 16.0)", ""],
  ])("are what they are where their derivatives are scaled %s", (_, optimizer, precision) => {
    const report = checkText(`
model M {
  input x: f32[N, 3]
  output y = x |> Dense(1, tanh)
}

data d {
  train {
    x: f32[3] = npy("x.npy")
    t: f32[1] = npy("t.npy")
  }
}

train M on d {
  loss mean_squared_error(t, y) + 0.1 * mean(gradient(y, x)^2)
  optimizer ${optimizer}
  ${precision}
}
`);
    expect(outcomes(report)).toEqual(["loss train agrees", "layer M/dense agrees"]);
  });

  test("are found wrong by what they are given, and named by the param", () => {
    const report = checkText(`
fn capped(x) = if x > 100 then 100 + 0.5 * (x - 100) else x gradient(d) { return d }

model M {
  input image: u8[N, 4]
  scale = f32(image) |> Dense(1, kernel_initializer = ones)
  output y = capped(scale)
}

data d {
  train {
    image: u8[4] = npy("image.npy")
    t: f32[1] = npy("t.npy")
  }
}

train M on d {
  loss mean_squared_error(t, y)
  optimizer SGD()
}
`);
    expect(titles(report)).toEqual([
      "the derivative of the loss by `M/dense/kernel` is # where it should be #",
    ]);
  });

  test("are left out where they are too large, and that is said", () => {
    const text = withModel("", "x |> Dense(4)");
    expect(outcomes(checkText(text, 100))).toEqual([
      expect.stringMatching(/^layer M\/dense left-out: a point takes .* operations/),
    ]);
  });
});

/** Examples of which nothing can be compared with differences, with what is said of them. */
const leftOut: Readonly<Record<string, string>> = {
  // Its softmax subtracts a maximum whose gradient is stopped, at every step.
  "ntm.nn": "loss train left-out: it stops gradients in a loop, where differences do not know them",
};

/** Points times operations that take more than ten seconds each; `nnc check --gradients` found them right. */
const tooLarge = new Set(["gan.nn", "resnet.nn", "inception.nn", "digits-conv.nn", "transfer.nn"]);
const checked = readdirSync(examples).filter((name) => name.endsWith(".nn") && !tooLarge.has(name));

test.each(checked)("%s is right", (name) => {
  const sink = new DiagnosticSink();
  const host = { readFile: (path: string) => readFileSync(path, "utf8"), readStd };
  const program = lower(join(examples, name), host, {}, sink);
  if (program === undefined) throw new Error(messages(sink.sorted()).join("\n"));
  const report = checkDerivatives(program, { all: true, budget: 2e8 });
  expect(titles(report)).toEqual([]);
  if (leftOut[name] !== undefined) expect(outcomes(report)).toEqual([leftOut[name]]);
  else expect(outcomes(report).filter((line) => line.includes("agrees"))).not.toEqual([]);
});
