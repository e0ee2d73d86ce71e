/**
 * What the grammar expected, in words. Chevrotain asks for messages where a rule fails; ours are only the
 * middle of a sentence ("expected …, found …"), which `faultOf` completes.
 */

import {
  EOF,
  type IParserErrorMessageProvider,
  type IRecognitionException,
  type IToken,
  type TokenType,
  tokenLabel,
  tokenMatcher,
} from "chevrotain";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile } from "./ast.ts";
import { spanOfTokens } from "./spans.ts";
import {
  EndOfLine,
  Identifier,
  InfixOperator,
  LeftBracket,
  LeftParenthesis,
  RightBracket,
  RightParenthesis,
  StringToken,
  Then,
} from "./tokens.ts";

/** What rules with several alternatives begin with. */
const beginnings: Readonly<Record<string, string>> = {
  operand: "an expression",
  primary: "an expression",
  literal: "an expression",
  postfix: "an expression",
  argument: "an expression",
  indexItem: "an index",
  type: "a type",
  pattern: "a name",
  shape: "a dimension",
  importDeclaration: "a path or a list of names",
  fnDeclaration: "`=` or `{`",
};

/** What the bracketed lists of rules consist of. */
const members: Readonly<Record<string, string>> = {
  parenthesized: "an expression",
  list: "an expression",
  callArguments: "an argument",
  indexItems: "an index",
  axes: "the name of an axis",
  shape: "a dimension",
  parameters: "a parameter",
  pattern: "a name",
  type: "a type",
};
const closers: readonly TokenType[] = [RightParenthesis, RightBracket];

export const expectationProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, previous, ruleName }) => {
    const label = tokenLabel(expected);
    const member = members[ruleName];
    if (member === undefined || !closers.includes(expected)) return label;
    const isFirst = tokenMatcher(previous, LeftBracket) || tokenMatcher(previous, LeftParenthesis);
    return isFirst ? `${member} or ${label}` : `\`,\` or ${label}`;
  },
  buildNotAllInputParsedMessage: () => "the end of the declaration",
  buildNoViableAltMessage: ({ ruleName }) => beginnings[ruleName] ?? "something else",
  buildEarlyExitMessage: ({ ruleName }) => beginnings[ruleName] ?? "something else",
};

/** How a token is called in messages. */
export function describeToken(token: IToken): string {
  if (token.tokenType === EOF || token.tokenType === EndOfLine) return "the end of the line";
  return token.image === "" ? tokenLabel(token.tokenType) : `\`${token.image}\``;
}

/** A failed rule of the grammar as a diagnostic. */
export function diagnosticOf(
  file: SourceFile,
  error: IRecognitionException,
  previous: IToken,
): Diagnostic {
  const { token, message, context } = error;
  const isAbsent = token.tokenType === EOF || token.image === "";
  const at = isAbsent ? spanOfTokens(file, previous) : spanOfTokens(file, token);
  const span = isAbsent ? { ...at, start: at.end } : at;
  const values = {
    expected: message,
    found: describeToken(token),
    hint: hintFor(token, previous, message, context.ruleStack),
  };
  const text = isAbsent ? "something is missing here" : "unexpected";
  return diagnostics.unexpectedToken({ span, text }, values);
}

/** What to write instead, where that is known. */
export function hintFor(
  token: IToken,
  previous: IToken,
  expected: string,
  rules: readonly string[],
): string | undefined {
  if (rules.includes("reducerPrefix")) {
    return "the name of a reducer before `[` reduces over axes; write `(mean)[0]` to index a value of that name";
  }
  if (tokenMatcher(token, Then) && expected === "`{`") {
    return "an `if` that begins a statement has blocks; to choose between values, bind it: `y = if … then … else …`";
  }
  if (token.image === "scan")
    return "a loop is what a name is bound to: `h = scan t in T from h0 { … }`";
  if (token.image === "*" && previous.image === "*") return "a power is written `x^2`";
  if (previous.image === "lambda")
    return "a function has a name: declare `fn f(x) = …` and give `f`";
  if (tokenMatcher(token, StringToken) && tokenMatcher(previous, Identifier)) {
    return "a string has no prefix";
  }
  if (token.image === ":" && expected === "`{`") return "a block stands in `{ … }`";
  if (token.image === "if" && expected !== "`=`") {
    return "a choice is written `if c then a else b`";
  }
  if (token.image === "for") {
    return "a list grows in a loop: `list = []`, and `for x in items { list = list + [f(x)] }`";
  }
  if (expected === "`=`" && tokenMatcher(previous, Identifier)) {
    if (token.image === ".") return "names have no parts: write `name = …`";
    if (tokenMatcher(token, InfixOperator))
      return `write \`${previous.image} = ${previous.image} ${token.image} …\``;
  }
  if (token.image === "." && expected === "the end of the line") {
    return "names are in no module: write the last one by itself";
  }
  if (token.image === "*" && rules.includes("callArguments")) {
    return "arguments are given one by one, by position or name";
  }
  if (rules.includes("trainEntry") && ["=", ":", "."].includes(token.image)) {
    return "a setting is a key and its value, with nothing between: `epochs 5`";
  }
  if (rules.includes("indexedBind") && rules.at(-1) === "axes") {
    return "on the left of `=` the brackets hold names of new axes";
  }
  if (expected === "`then`" && token.image === "{") {
    return "as an expression, `if` is written `if … then … else …`";
  }
  return undefined;
}
