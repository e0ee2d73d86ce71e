import { describe, expect, it } from "vitest";
import { parseText, statementsOf } from "./show.ts";

describe("where a statement ends", () => {
  it("ends with its line", () => {
    expect(statementsOf("a = 1\nb = 2")).toBe("a = 1\nb = 2");
  });

  it("does not end inside parentheses and brackets", () => {
    expect(statementsOf("a = f(\n  1,\n  2\n)\nb = [\n1\n,\n2]")).toBe("a = f(1, 2)\nb = [1, 2]");
  });

  it("goes on before and after a binary operator", () => {
    expect(statementsOf("a = x\n  |> f\n  |> g\nb = 1 +\n2\nc = 1\n  - 2\nd = p\nand q")).toBe(
      "a = ((x |> f) |> g)\nb = (1 + 2)\nc = (1 - 2)\nd = (p and q)",
    );
  });

  it("goes on after `=` and `<-`", () => {
    expect(statementsOf("a =\n  1\na <-\n  2")).toBe("a = 1\na <- 2");
  });

  it("goes on between a reducer and its term", () => {
    expect(statementsOf("y[n] = sum[i,\n j]\n  x[n, i]\n  * k[i, j]")).toBe(
      "y[n] = (sum[i, j] (x[n, i] * k[i, j]))",
    );
  });

  it("begins anew with a parenthesis or bracket at the start of a line", () => {
    expect(statementsOf("a = x\n(b, c) = y")).toBe("a = x\n(b, c) = y");
    const { found } = parseText("fn f() {\n  a = x\n  [1]\n}");
    expect(found).toEqual([
      'expression-statement at "[1]": the value of this expression is not used',
    ]);
  });

  it("goes on with `then` and `else`", () => {
    expect(statementsOf("a = if p\n  then 1\n  else 2\nif p {\nb = 1\n}\nelse {\nb = 2\n}")).toBe(
      "a = (if p then 1 else 2)\nif p { b = 1 } else { b = 2 }",
    );
  });

  it("needs a line of its own", () => {
    const { found } = parseText("fn f() {\n  a = 1 b = 2\n}");
    expect(found).toEqual(['unexpected-token at "b": expected the end of the line, found `b`']);
  });

  it("may stand in braces on one line", () => {
    expect(statementsOf("if p { a = 1 } else if q { a = 2 } else { a = 3 }")).toBe(
      "if p { a = 1 } else if q { a = 2 } else { a = 3 }",
    );
  });

  it("knows every kind of line end", () => {
    expect(statementsOf("a = 1\r\nb = 2\rc = 3\n\n\r\n")).toBe("a = 1\nb = 2\nc = 3");
  });

  it("ignores comments", () => {
    const text = "a = 1 // one\n/* two\n lines */ b = /* in */ 2 //// end\n// |> f";
    expect(statementsOf(text)).toBe("a = 1\nb = 2");
  });
});

describe("arrows", () => {
  it("assign at the start of a statement and compare elsewhere", () => {
    expect(statementsOf("x <-1\ny = x <-1\nif x <-1 { x <- 2 }")).toBe(
      "x <- 1\ny = (x < (- 1))\nif (x < (- 1)) { x <- 2 }",
    );
  });

  it("refuse anything but a name", () => {
    const { found } = parseText("fn f() {\n  x[0] <- 1\n  (a, b) <- 2\n}");
    expect(found.map((text) => text.split(":")[0])).toEqual([
      'invalid-assignment-target at "x[0]"',
      'invalid-assignment-target at "(a, b)"',
    ]);
  });
});

describe("words that are keywords in their place only", () => {
  it("are names elsewhere", () => {
    const text = "state = 1\ninput = state\noutput[n] = input[n]\nparam <- 3\nstate state = data";
    expect(statementsOf(text)).toBe(
      "state = 1\ninput = state\noutput[n] = input[n]\nparam <- 3\nstate state = data",
    );
  });

  it("do not end a train block that is not indented", () => {
    const text = "train A on d {\nloss x\noptimizer Adam(\n1e-3)\nepochs 5\n}\noptimizer B {\n";
    const { parsed, found } = parseText(`${text}update(w, g, t) {\nw <- g\n}\n}\nmodel C {\n}\n`);
    expect(found).toEqual([]);
    expect(parsed.declarations.map(({ kind }) => kind)).toEqual(["train", "optimizer", "model"]);
  });

  it("leave reducers alone where no bracket follows", () => {
    expect(statementsOf("sum = max(x)\nmean[n] = sum + (mean)[n]")).toBe(
      "sum = max(x)\nmean[n] = (sum + mean[n])",
    );
  });
});
