import { describe, expect, it } from "vitest";
import { expressionOf, parseText } from "./show.ts";

describe("precedence", () => {
  const cases: readonly (readonly [string, string])[] = [
    // Loosest: pipes.
    ["x / 255 |> f |> g(1)", "(((x / 255) |> f) |> g(1))"],
    ["if a then b else c |> f", "((if a then b else c) |> f)"],
    ["x |> if a then f else g", "(x |> (if a then f else g))"],
    // Conditions.
    ["if a or b then c + 1 else d + 1", "(if (a or b) then (c + 1) else (d + 1))"],
    ["if a then b else if c then d else e", "(if a then b else (if c then d else e))"],
    ["if if a then b else c then d else e", "(if (if a then b else c) then d else e)"],
    ["if a then x |> f else y", "(if a then (x |> f) else y)"],
    // Logic and comparison.
    ["a or b and c", "(a or (b and c))"],
    ["not a and b", "((not a) and b)"],
    ["not a == b", "(not (a == b))"],
    ["a and not not b", "(a and (not (not b)))"],
    ["a + 1 < b * 2", "((a + 1) < (b * 2))"],
    ["a != b or c >= d", "((a != b) or (c >= d))"],
    // Ranges stand between comparison and arithmetic.
    ["0..n - 1", "(0 .. (n - 1))"],
    ["0..-1", "(0 .. (- 1))"],
    // Arithmetic associates to the left.
    ["a - b - c", "((a - b) - c)"],
    ["a + b * c - d / e % f @ g", "((a + (b * c)) - (((d / e) % f) @ g))"],
    ["-a * b", "((- a) * b)"],
    ["a * -b", "(a * (- b))"],
    ["- -a", "(- (- a))"],
    // Powers associate to the right and bind tighter than a sign before, looser than one after.
    ["-x^2", "(- (x ^ 2))"],
    ["a^b^c", "(a ^ (b ^ c))"],
    ["2^-x * 3", "((2 ^ (- x)) * 3)"],
    ["a * b^2", "(a * (b ^ 2))"],
    // A reducer takes one multiplicative term.
    ["sum[i] x[i]*k[i] + b", "((sum[i] (x[i] * k[i])) + b)"],
    ["a - sum[i] x[i] / K - b", "((a - (sum[i] (x[i] / K))) - b)"],
    ["a * sum[i] x[i] * k[i]", "(a * (sum[i] (x[i] * k[i])))"],
    ["-sum[i] x[i] * k[i]", "(- (sum[i] (x[i] * k[i])))"],
    ["sum[i] -x[i] * k[i]", "(sum[i] ((- x[i]) * k[i]))"],
    ["sum[i] max[j < 2] x[i, j] * y[j]", "(sum[i] (max[j < 2] (x[i, j] * y[j])))"],
    ["sum[i < 2*K, j] (x[i, j] + 1)", "(sum[i < (2 * K), j] (x[i, j] + 1))"],
    ["2^sum[i] x[i]", "(2 ^ (sum[i] x[i]))"],
    // Calls and indexes bind tightest.
    ["-f(x)[0](y)^2", "(- (f(x)[0](y) ^ 2))"],
    ["max(x, axis = 0..-1)", "max(x, axis = (0 .. (- 1)))"],
    ["(a + b) * c", "((a + b) * c)"],
    ["a <-1", "(a < (- 1))"],
    ["f(a <- 1)", "f((a < (- 1)))"],
  ];
  it.each(cases)("%s", (text, expected) => {
    expect(expressionOf(text)).toBe(expected);
  });

  it.each([
    ["a < b < c", 'chained-comparison at "<"'],
    ["a == b != c", 'chained-comparison at "!="'],
    ["1 + if a then b else c", 'parentheses-needed at "if"'],
    ["a == not b", 'parentheses-needed at "not"'],
    ["- not b", 'parentheses-needed at "not"'],
    ["sum[i] if a then b else c", 'parentheses-needed at "if"'],
  ])("%s is refused", (text, expected) => {
    const { found } = parseText(`const it = ${text}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it("parentheses turn a comparison into an operand", () => {
    expect(expressionOf("(a < b) == (b < c)")).toBe("((a < b) == (b < c))");
  });
});

describe("primary expressions", () => {
  it.each([
    ["60_000", "60000"],
    ["1e-7", "1e-7f"],
    ["1.5E+3", "1500f"],
    ["2.0", "2f"],
    ['"a\\"b\\\\c\\n\\td"', '"a\\"b\\\\c\\n\\td"'],
    ["[true, false, none]", "[true, false, none]"],
    ["[1, 2, ]", "[1, 2]"],
    ["()", "(tuple )"],
    ["(a,)", "(tuple a)"],
    ["(a, b)", "(tuple a, b)"],
    ["((a))", "a"],
    ["c' + c''", "(c' + c'')"],
    ["x[:, 1:3, -1]", "x[::, 1:3:, (- 1)]"],
    ["x[..., ::2, a:, 1:2:3]", "x[..., ::2, a::, 1:2:3]"],
    ["x[n, 2*h + i - P, h / 2]", "x[n, (((2 * h) + i) - P), (h / 2)]"],
    ["x[]", "x[]"],
    ["f(a, b = 1, c = [2],)", "f(a, b = 1, c = [2])"],
    ["Dense(3)(x)", "Dense(3)(x)"],
    ["input + state + layer", "((input + state) + layer)"],
  ])("%s", (text, expected) => {
    expect(expressionOf(text)).toBe(expected);
  });
});
