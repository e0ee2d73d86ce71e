import { describe, expect, it } from "vitest";
import { diagnostics } from "../../compiler/diagnostics/catalogue.generated.ts";
import { fillTemplate } from "../../compiler/diagnostics/template.ts";

const span = { file: "a.nn", start: 1, end: 2 };

describe("templates", () => {
  it("are filled", () => {
    expect(fillTemplate("`{name}` has {count}", { name: "x", count: 2 })).toBe("`x` has 2");
  });

  it("are left out where a value is absent", () => {
    expect(
      fillTemplate("did you mean `{nearest?}`?", { nearest: undefined, instead: undefined }),
    ).toBeNull();
    expect(fillTemplate("did you mean `{nearest?}`?", { nearest: "x" })).toBe("did you mean `x`?");
  });

  it("leave other braces alone", () => {
    expect(fillTemplate("add `{ … }` or {}", {})).toBe("add `{ … }` or {}");
  });
});

describe("constructors", () => {
  it("take the label's text from the catalogue, or a label of their own", () => {
    const own = diagnostics.chainedComparison({ span, text: "this one" }, {});
    expect(diagnostics.chainedComparison(span, {}).primary.text).toContain("compares");
    expect(own.primary).toEqual({ span, text: "this one" });
  });

  it("drop hints without a value and prefer the occurrence's own", () => {
    const values = { found: "`lyer`", nearest: undefined, instead: undefined };
    expect(diagnostics.missingDeclaration(span, values).hint).toBeUndefined();
    expect(diagnostics.missingDeclaration(span, { ...values, nearest: "layer" }).hint).toBe(
      "did you mean `layer`?",
    );
    expect(diagnostics.missingDeclaration(span, values, { hint: "no" }).hint).toBe("no");
  });
});
