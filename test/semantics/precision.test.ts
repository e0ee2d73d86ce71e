/** `precision` in the train block: its names, what else is said, and that options override it. */

import { describe, expect, it } from "vitest";
import { lowerSound, lowerText, messages } from "./lowering.ts";

const model = (entry: string): string => `
  model M {
    input x: f32[N, 4]
    output y = x |> Dense(1)
  }
  data d {
    train {
      x: f32[4] = csv("d.csv", columns = 0..4)
      t: f32[1] = csv("d.csv", column = 4)
    }
  }
  train M on d {
    loss mse(t, y)
    optimizer SGD()
    ${entry}
  }`;

const faultsOf = (entry: string) => {
  const { diagnostics } = lowerText(model(entry));
  return diagnostics.map(({ code, title, hint, primary: { span } }) => {
    const place = model(entry).slice(span.start, span.end);
    return `${code} at ${place}: ${title}${hint === undefined ? "" : `; ${hint}`}`;
  });
};

describe("precision", () => {
  it.each(["f32", "tf32", "bf16", "f16"] as const)("may be %s", (precision) => {
    expect(lowerSound(model(`precision ${precision}`)).precision).toBe(precision);
  });

  it("is f32 where nothing is said", () => {
    expect(lowerSound(model("")).precision).toBe("f32");
    const alone = "model M {\n  input x: f32[N, 4]\n  output y = x |> Dense(1)\n}\n";
    expect(lowerSound(alone).precision).toBe("f32");
  });

  it("is overridden from outside, with or without an entry", () => {
    expect(lowerSound(model("precision f16"), {}, { precision: "bf16" }).precision).toBe("bf16");
    expect(lowerSound(model(""), {}, { precision: "tf32" }).precision).toBe("tf32");
  });

  it.each([
    ["fp16", "did you mean `f16`?"],
    ["bfloat16", "did you mean `bf16`?"],
    ["mixed_float16", "did you mean `f16`?"],
    ["double", "there are f32, tf32, bf16, f16"],
  ])("is not %s: %s", (name, hint) => {
    expect(faultsOf(`precision ${name}`)).toEqual([
      `unknown-precision at ${name}: there is no precision \`${name}\`; ${hint}`,
    ]);
  });

  it("is checked even where it is overridden", () => {
    const { diagnostics } = lowerText(model("precision fp16"), {}, { precision: "f32" });
    expect(messages(diagnostics).join()).toContain("unknown-precision");
  });

  it.each([
    ["16", "`precision` must be one of f32, tf32, bf16, f16, not the int 16"],
    ['"f16"', '`precision` must be one of f32, tf32, bf16, f16, not the string "f16"'],
  ])("is a name, not %s", (text, title) => {
    expect(faultsOf(`precision ${text}`)).toEqual([`wrong-type at ${text}: ${title}`]);
  });

  it("is one", () => {
    expect(faultsOf("precision f16, bf16")[0]).toContain("single-train-value at bf16");
  });
});
