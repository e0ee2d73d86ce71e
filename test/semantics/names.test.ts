import { describe, expect, it } from "vitest";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { lower } from "../../compiler/semantics/lower.ts";
import { lowerText } from "./lowering.ts";

const codes = (text: string, files: Readonly<Record<string, string>> = {}) =>
  lowerText(text, files).diagnostics.map(({ code }) => code);

const model = (body: string) => `model M {\n  input x: f32[N, 4]\n${body}\n}\n`;

describe("names", () => {
  it("are checked in declarations that nothing calls", () => {
    const text = `
      fn unused(x) = x + missing
      layer Never(units: int)(x: f32[..., I]) {
        param w: f32[I, unit] = zeros
        return x @ w
      }
      ${model("  output y = x")}`;
    expect(codes(text)).toEqual(["unknown-name", "unused-parameter", "unknown-name"]);
  });

  it("of tensors may be given for a shape that no other has", () => {
    const rows = "fn rows(x: f32[N, _C]) {\n  r[n < N] = n\n  return r\n}\n";
    expect(codes(rows + model("  output y = f32(rows(x))"))).toEqual([]);
    const both = "fn wide(x: f32[N, C], y: f32[N, C]) = x * C\n";
    expect(codes(both + model("  output y = wide(x, x)"))).toEqual(["unused-parameter"]);
  });

  it("are checked in models that nothing trains", () => {
    const text = `model A {\n  input x: f32[N, 4]\n  output y = x |> Dense(2.5)\n}\n${model("  output y = x")}`;
    expect(codes(text)).toEqual(["wrong-type"]);
  });

  it("may be declared after their use, and hide the library's", () => {
    const text = `${model("  output y = x |> relu")}fn relu(x) = x * width\nconst width = 2\n`;
    expect(codes(text)).toEqual([]);
  });

  it("of the library are parsed where they are used, and nothing beside them", () => {
    const library: Readonly<Record<string, string>> = {
      "names.json": JSON.stringify({ twice: "some.nn", broken: "some.nn" }),
      "some.nn": "fn broken(x) = = x\n\n/// Two of it.\nfn twice(x) = x * 2\n",
    };
    const faults = (text: string) => {
      const sink = new DiagnosticSink();
      lower("m", { readFile: () => text, readStd: (name) => library[name] }, {}, sink);
      return sink.sorted().map(({ code }) => code);
    };
    expect(faults(model("  output y = twice(x)"))).toEqual([]);
    expect(faults(model("  output y = broken(x)"))).toContain("unexpected-token");
  });

  it("of axes, dimensions, loops and patterns count as bound", () => {
    const text = `
      fn f(x: f32[N, A]) -> f32[N, A] {
        for (k, v) in [(1, 2), (3, 4)] {
          x = x * k + v
        }
        z[n, a] = sum[b < A] x[n, a] * b
        return z
      }
      ${model("  output y = f(x)")}`;
    expect(codes(text)).toEqual([]);
  });

  it("missing after a syntax error are not reported: their declarations may be what failed", () => {
    const text = "fn broken(x = {\nmodel M {\n  input x: f32[N, 4]\n  output y = broken(x)\n}\n";
    expect(codes(text)).not.toContain("unknown-name");
    expect(codes(text).length).toBeGreaterThan(0);
  });

  it("that a branch replaces are defaults, not mistakes", () => {
    const text = `
      fn f(x, twice = false) {
        y = x
        if twice {
          y = x * 2
        }
        return y
      }
      ${model("  output y = f(x, true)")}`;
    expect(codes(text)).toEqual([]);
  });

  it("of functions stay callable where a value has the same name", () => {
    const text = model("  shape = shape(x)\n  output y = reshape(x, shape(x)) * len(shape)");
    expect(codes(text)).toEqual([]);
  });
});

describe("errors", () => {
  it("are reported several a run, and silence what follows from them", () => {
    const text = model("  h = x @ missing\n  g = h + 1\n  output y = g * (x + [1])");
    expect(codes(text)).toEqual(["unknown-name", "not-a-number"]);
  });

  it("of the same place and kind are reported once, whatever the number of graphs", () => {
    const text = model("  output y = x |> Reshape([3])");
    expect(codes(text)).toEqual(["reshape-mismatch"]);
  });
});

describe("two compilations in one process", () => {
  it("share nothing", () => {
    const text = model("  output y = x |> Dense(2)");
    const first = lowerText(text).program;
    const second = lowerText(text).program;
    expect(second?.persistent.map(({ leaf }) => leaf.shape)).toEqual(
      first?.persistent.map(({ leaf }) => leaf.shape),
    );
    expect(second?.context).not.toBe(first?.context);
  });
});
