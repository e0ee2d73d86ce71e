import { describe, expect, it } from "vitest";
import { expressionOf, parseText, statementsOf } from "./show.ts";

describe("loops", () => {
  it("are what names are bound to", () => {
    expect(
      statementsOf(`(h, c) = scan t in T from (h0, c0) {
  z = x[:, t] @ w + h
  c' = z * c
  h' = tanh(c')
}
s = scan k in 2*K reversed from 0.0 checkpoint every 16 { s' = s + f32(k) }
return h.all[:, 0] + s.last`),
    ).toMatchInlineSnapshot(`
      "(h, c) = scan t in T from (tuple h0, c0) { z = ((x[::, t] @ w) + h); c' = (z * c); h' = tanh(c') }
      s = scan k in (2 * K) reversed from 0f checkpoint every 16 { s' = (s + f32(k)) }
      return (h.all[::, 0] + s.last)"
    `);
  });

  it("leave their words to be names", () => {
    expect(statementsOf("from = every\nreversed = checkpoint + from")).toBe(
      "from = every\nreversed = (checkpoint + from)",
    );
  });

  it("have names with parts, which are no reducers", () => {
    expect(expressionOf("h.all[0] + sum[i] h.last[i]")).toBe("(h.all[0] + (sum[i] h.last[i]))");
  });

  it("say what they lack", () => {
    const found = [
      "a = 1 + scan t in T from b { a' = a }",
      "a = scan t in T { a' = a }",
      "a = scan t in T from b checkpoint 3 { a' = a }",
      "a = scan t in T from b",
      "a: f32 = scan t in T from b { a' = a }",
      "a.all = 3",
      "a = f(x).all",
    ].flatMap((line) => parseText(`fn f() {\n  ${line}\n}`).found);
    expect(found.join("\n")).toMatchInlineSnapshot(`
      "unexpected-token at "scan": expected an expression, found \`scan\`
      unexpected-token at "{": expected \`from\`, found \`{\`
      unexpected-token at "3": expected \`every\`, found \`3\`
      unexpected-token at "}": expected \`{\`, found \`}\`
      scan-with-type at "f32": a name that a loop carries is declared without a type
      unexpected-token at ".": expected \`=\`, found \`.\`
      unexpected-token at ".": expected the end of the line, found \`.\`"
    `);
  });
});
