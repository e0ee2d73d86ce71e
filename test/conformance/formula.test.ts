import { describe, expect, it } from "vitest";
import { NotExpressible } from "./cases/case-program.ts";
import { translateFormula } from "./cases/formula.ts";

const names = new Map(["x", "y", "z", "w", "a", "b", "t"].map((name) => [name, name]));

describe("formulas", () => {
  it.each([
    ["y = a + b, [3,1] + [1,4] -> [3,4]", "(a + b)"],
    ["tanh(x y + e^-z)/(1+sqrt z)", "(tanh(((x * y) + exp((-z)))) / ((1 + sqrt(z))))"],
    ["y = x if x>0 else 0.2 x", "(if x > 0 then x else (0.2 * x))"],
    ["y = a ? -2.5 : x", "(if a then (-2.5) else x)"],
    [
      "0.01 sum|w| + 0.02 sum w^2 (Keras: no factor)",
      "((0.01 * sum(abs(w))) + (0.02 * sum((w ^ 2))))",
    ],
    ["max(0, 1 - t x), t in {-1,1}", "maximum(0, (1 - (t * x)))"],
    ["0.75 * a @ b.T", "((0.75 * a) @ transpose(b))"],
    ["y = a ** b, a > 0; da = b", "(a ^ b)"],
    ["ln(1+e^-|x|)", "log((1 + exp((-abs(x)))))"],
  ])("%s", (formula, translated) => {
    expect(translateFormula(formula, names)).toBe(translated);
  });

  it("refuses words", () => {
    expect(() => translateFormula("mean CE of a net", names)).toThrow(NotExpressible);
    expect(() => translateFormula("softmax of the rows", names)).toThrow(NotExpressible);
  });
});
