import { describe, expect, it } from "vitest";
import type { Declaration } from "../../compiler/syntax/ast.ts";
import { declarationOf, parseClean, parseText, show, showStatement, showType } from "./show.ts";

function declared<K extends Declaration["kind"]>(
  kind: K,
  text: string,
): Extract<Declaration, { readonly kind: K }> {
  const declaration = declarationOf(text);
  if (declaration.kind !== kind) throw new Error(`a ${declaration.kind}`);
  return declaration as Extract<Declaration, { readonly kind: K }>;
}

describe("declarations", () => {
  it("import everything or some names", () => {
    const whole = declared("import", 'import "blocks.nn"');
    expect([whole.path.value, whole.names]).toEqual(["blocks.nn", null]);
    const some = declared("import", 'import {\n  A,\n  b as c,\n} from "blocks.nn"');
    expect(some.names?.map(({ name, alias }) => [name.name, alias.name])).toEqual([
      ["A", "A"],
      ["b", "c"],
    ]);
  });

  it("bind constants", () => {
    const { name, type, value } = declared("const", "const K: int = 3 * 4");
    expect([name.name, type && showType(type), show(value)]).toEqual(["K", "int", "(3 * 4)"]);
  });

  it("define functions by an expression or a block", () => {
    const short = declared("fn", "fn f(x: f32[N, ...], y = 1) -> f32[N] =\n  x + y");
    expect(short.config).toBeNull();
    expect(short.parameters.map(({ name }) => name.name)).toEqual(["x", "y"]);
    expect(short.parameters[0]?.type && showType(short.parameters[0].type)).toBe("f32[N, ...]");
    expect(short.body.map(showStatement)).toEqual(["return (x + y)"]);
    const long = declared("fn", "fn L2(l2 = 0.01)(w)\n{\n  return l2 * sum(w^2)\n}");
    expect(long.config?.map(({ name }) => name.name)).toEqual(["l2"]);
    expect(long.parameters.map(({ name }) => name.name)).toEqual(["w"]);
  });

  it("define layers by an expression, as functions are", () => {
    const layer = declared("layer", "layer Twice(f: fn)(x) -> f32[N] =\n  x |> f |> f");
    expect(layer.config.map(({ name }) => name.name)).toEqual(["f"]);
    expect(layer.result && showType(layer.result)).toBe("f32[N]");
    expect(layer.body.map(showStatement)).toEqual(["return ((x |> f) |> f)"]);
  });

  it("define layers with their lists on several lines", () => {
    const layer = declared(
      "layer",
      `layer Dense(units: int, activation = linear,
              use_bias = true)
             (x: f32[..., I]) -> f32[..., 2*units] {
  param kernel: f32[I, units] = glorot_uniform, regularizer = L2(0.1), trainable = false
  statistic m = mean(x)
  if use_bias {
    penalty sum(kernel^2)
  }
  assert units > 0, "units is positive"
  assert units < 1000, warning = "units are many"
  return x @ kernel
}`,
    );
    expect(layer.config).toHaveLength(3);
    expect(layer.result && showType(layer.result)).toBe("f32[..., (2 * units)]");
    expect(layer.body.map(showStatement)).toEqual([
      "param kernel: f32[I, units] = glorot_uniform, regularizer = L2(0.1f), trainable = false",
      "statistic m = mean(x)",
      "if use_bias { penalty sum((kernel ^ 2)) }",
      'assert (units > 0), "units is positive"',
      'assert (units < 1000), warning = "units are many"',
      "return (x @ kernel)",
    ]);
  });

  it("define models", () => {
    const model = declared(
      "model",
      `model Digits(units = 3) {
  input image: u8[N, 28, 28]
  input mask: [N, T]
  for size in [64, units] { h = h |> Dense(size) }
  (a, (b, c)) = f(h)
  y: (f32[N], bool) = g(h)
  output digit = h |> Dense(10)
  output image
  output p: f32[N, 3] = q
}`,
    );
    expect(model.body.map(showStatement)).toEqual([
      "input image: u8[N, 28, 28]",
      "input mask: [N, T]",
      "for size in [64, units] { h = (h |> Dense(size)) }",
      "(a, (b, c)) = f(h)",
      "y: (f32[N], bool) = g(h)",
      "output digit = (h |> Dense(10))",
      "output image",
      "output p: f32[N, 3] = q",
    ]);
    expect(declared("model", "model Empty { }").config).toEqual([]);
  });

  it("define optimizers and metrics", () => {
    const adam = declared(
      "optimizer",
      `optimizer Adam(beta = 0.9) {
  k = 1 - beta
  prepare(gs, t) { return gs }
  update(w, g, t) {
    state m = zeros
    w <- w - m
  }
}`,
    );
    expect(adam.body.map(showStatement)).toEqual(["k = (1 - beta)"]);
    expect(adam.procedures.prepare?.parameters.map(({ name }) => name.name)).toEqual(["gs", "t"]);
    expect(adam.procedures.update?.body.map(showStatement)).toEqual([
      "state m = zeros",
      "w <- (w - m)",
    ]);
    const metric = declared("metric", "metric M(k = 1)(y_true, y_pred) { return y_true }");
    expect([metric.config.length, metric.inputs.length]).toEqual([1, 2]);
  });

  it("describe data", () => {
    const data = declared(
      "data",
      'data d {\n  train {\n    x: u8[28] = idx("a")\n    y = csv("b", column = 2)\n  }\n  test { }\n}',
    );
    expect(data.blocks.map(({ name, columns }) => [name.name, columns.length])).toEqual([
      ["train", 2],
      ["test", 0],
    ]);
    expect(data.blocks[0]?.columns.map(({ value }) => show(value))).toEqual([
      'idx("a")',
      'csv("b", column = 2)',
    ]);
  });

  it("describe training", () => {
    const train = declared(
      "train",
      `train Net(64) on digits {
  loss mse(a, b) * 2  optimizer Adam(1e-3)
  metrics accuracy(a, b), top = top_5(a, b),
          mae(a, b)
  update discriminator { loss d  optimizer SGD() }
  epochs 5
  update 3
}`,
    );
    expect(show(train.model)).toBe("Net(64)");
    expect(train.data.name).toBe("digits");
    expect(train.entries.map(({ key, values }) => `${key.name} ${values.length}`)).toEqual([
      "loss 1",
      "optimizer 1",
      "metrics 3",
      "epochs 1",
      "update 1",
    ]);
    expect(train.entries[2]?.values[1]?.name?.name).toBe("top");
    expect(train.updates.map(({ target, entries }) => [target.name, entries.length])).toEqual([
      ["discriminator", 2],
    ]);
  });

  it("carry their documentation", () => {
    const { declarations } = parseClean(
      "/// One.\n///   Two.\nconst a = 1\n/// Apart.\n\nconst b = 2\n// No.\nconst c = 3 /// After.\nconst d = 4\n",
    );
    expect(declarations.map(({ doc }) => doc)).toEqual(["One.\nTwo.", null, null, null]);
  });

  it("may be missing", () => {
    expect(parseClean("").declarations).toEqual([]);
    expect(parseClean("// nothing\n\n").declarations).toEqual([]);
  });
});

describe("header spans", () => {
  it("end before the body", () => {
    const text = "layer A(k = 1)\n  (x) -> f32[N] {\n  return x\n}\n";
    const { header } = declarationOf(text);
    expect(text.slice(header.start, header.end)).toBe("layer A(k = 1)\n  (x) -> f32[N]");
    const { found } = parseText("const a: int\n");
    expect(found).toEqual(['unexpected-token at "": expected `=`, found the end of the line']);
  });
});
