import { Lexer } from "chevrotain";
import { describe, expect, it } from "vitest";
import { DeclarationGrammar } from "../../compiler/syntax/declaration-grammar.ts";
import { allTokens } from "../../compiler/syntax/tokens.ts";

describe("the grammar", () => {
  it("is unambiguous and without left recursion", () => {
    expect(() => new DeclarationGrammar(true)).not.toThrow();
  });

  it("has sound tokens", () => {
    const lexer = new Lexer([...allTokens], {
      positionTracking: "onlyOffset",
      ensureOptimizations: true,
    });
    expect(lexer.lexerDefinitionErrors).toEqual([]);
  });
});
