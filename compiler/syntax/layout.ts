/**
 * Between lexer and parser: makes of raw tokens what a context-free grammar can read.
 *
 * - Line breaks that end a statement become `EndOfLine`; the others vanish. Inside `(` and `[` every break
 *   vanishes; elsewhere those after or before a binary operator, before `|>`, and after a reducer's axes do.
 * - Brackets come out balanced. What is missing is reported and added, what closes nothing is reported and
 *   dropped or corrected. A declaration at the start of a line closes all that is still open, so that a lost
 *   bracket in one declaration does not swallow the next.
 * - Words that are keywords only in their place (`layer`, `param`, …) and reducers get their token types.
 * - `<-` is an arrow only after the first word of a statement; elsewhere it is `<` and `-`.
 *
 * The result is one list of tokens per declaration, so a broken one cannot disturb its neighbours.
 */

import type { IToken, TokenType } from "chevrotain";
import { tokenMatcher } from "chevrotain";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { reducerNames, type SourceFile } from "./ast.ts";
import { spanOfTokens } from "./spans.ts";
import {
  Arrow,
  Assign,
  Colon,
  Comma,
  declarationKeywords,
  Else,
  EndOfLine,
  False,
  Gradient,
  Identifier,
  If,
  Import,
  In,
  InfixOperator,
  LeftBrace,
  LeftBracket,
  LeftParenthesis,
  Less,
  LineBreak,
  Minus,
  None,
  Not,
  NumberToken,
  Period,
  procedureKeywords,
  Reducer,
  ResultArrow,
  RightBrace,
  RightBracket,
  RightParenthesis,
  StringToken,
  statementKeywords,
  Then,
  TrailingComma,
  Train,
  True,
  Update,
} from "./tokens.ts";

/** Deeper nesting than this is refused: recursion over the text is bounded by it. */
export const maximumNesting = 100;

/** A text of another kind may be full of brackets; after this many that close nothing we have made our point. */
const maximumMismatches = 10;

export interface LaidOutFile {
  /** The tokens of each declaration; none is empty. */
  readonly chunks: readonly (readonly IToken[])[];
  /** Where `(` and `[` were never closed, or nesting ended the text: errors after them in their declaration are likely the consequence. */
  readonly unclosed: readonly number[];
  /** Where closing brackets were left out: errors on their line are likely the consequence. */
  readonly dropped: readonly number[];
}

export function layOut(
  file: SourceFile,
  raw: readonly IToken[],
  sink: DiagnosticSink,
): LaidOutFile {
  return new Layout(file, raw, sink).run();
}

interface OpenBracket {
  readonly token: IToken;
  /** The bracket of a reducer's axes: its term may stand on the next line. */
  readonly isReducer: boolean;
}

const closerOf: ReadonlyMap<TokenType, TokenType> = new Map([
  [LeftParenthesis, RightParenthesis],
  [LeftBracket, RightBracket],
  [LeftBrace, RightBrace],
]);
const closers: ReadonlySet<TokenType> = new Set(closerOf.values());
const reducers: ReadonlySet<string> = new Set(reducerNames);

/** After these a line break never ends a statement. */
const continuesAfter: ReadonlySet<TokenType> = new Set([
  Assign,
  Arrow,
  Comma,
  ResultArrow,
  Colon,
  Not,
  If,
  Then,
  Else,
  In,
]);
/** Before these a line break never ends a statement. */
const continuesBefore: ReadonlySet<TokenType> = new Set([
  Then,
  Else,
  Comma,
  ResultArrow,
  LeftBrace,
  RightBrace,
  Assign,
]);
/** Declarations whose second list of parameters may stand on its own line. */
const withParameterLists: ReadonlySet<string> = new Set([
  "fn",
  "layer",
  "model",
  "optimizer",
  "metric",
]);

/** What a header may go on with on another line. */
const headerWords: ReadonlySet<string> = new Set(["extends", "around"]);

class Layout {
  readonly #file: SourceFile;
  readonly #raw: readonly IToken[];
  readonly #sink: DiagnosticSink;
  readonly #open: OpenBracket[] = [];
  readonly #declarations: (readonly IToken[])[] = [];
  readonly #unclosed: number[] = [];
  readonly #dropped: number[] = [];
  /** Whether this line lost a bracket: what it says is not to be continued. */
  #isTorn = false;
  #tokens: IToken[] = [];
  /** The first token of the statement being read; null at its start. */
  #first: IToken | null = null;
  /** Whether that statement has had its `=`. */
  #isAssigned = false;
  #inHeader = false;
  #closedReducer = false;

  constructor(file: SourceFile, raw: readonly IToken[], sink: DiagnosticSink) {
    this.#file = file;
    this.#raw = raw;
    this.#sink = sink;
  }

  run(): LaidOutFile {
    let afterBreak = false;
    for (let at = 0; at < this.#raw.length; at++) {
      const token = this.#raw[at]!;
      if (token.tokenType === LineBreak) {
        afterBreak = true;
        continue;
      }
      if (this.#startsDeclarationLine(at)) {
        this.#closeFrom(0, true);
        this.#endDeclaration();
      } else if (afterBreak) this.#breakBefore(token);
      if (afterBreak) this.#isTorn = false;
      afterBreak = false;
      if (!this.#place(token, at)) break;
    }
    this.#closeFrom(0, true);
    this.#endDeclaration();
    return { chunks: this.#declarations, unclosed: this.#unclosed, dropped: this.#dropped };
  }

  /** Adds one token in its contextual type; false when the nesting is too deep to go on. */
  #place(token: IToken, at: number): boolean {
    const { tokenType } = token;
    const isFirst = this.#first === null;
    if (isFirst) {
      this.#first = token;
      this.#isAssigned = false;
      if (this.#open.length === 0) this.#inHeader = withParameterLists.has(token.image);
    }
    this.#closedReducer = false;
    if (closerOf.has(tokenType)) return this.#openBracket(token);
    if (closers.has(tokenType)) {
      this.#closeBracket(token);
    } else if (tokenType === Arrow && !this.#mayAssign()) {
      this.#push(retyped(token, Less, "<"));
      this.#push({ ...retyped(token, Minus, "-"), startOffset: token.startOffset + 1 });
    } else if (tokenType === Comma && closers.has(this.#after(at).tokenType)) {
      this.#push(retyped(token, TrailingComma));
    } else {
      if (tokenType === Assign) this.#sawAssign();
      this.#push(isFirst ? this.#asKeyword(token, at) : this.#inPlace(token, at));
    }
    return true;
  }

  /** `x <-` at the start of a statement; also `x[0] <-`, so that the parser can say what is wrong there. */
  #mayAssign(): boolean {
    const last = this.#tokens.at(-1);
    if (last === undefined || this.#isAssigned) return false;
    if (last.startOffset === this.#first?.startOffset) return true;
    const isTarget = last.tokenType === RightBracket || last.tokenType === RightParenthesis;
    const first = this.#first?.tokenType;
    return isTarget && this.#inBlock() && (first === Identifier || first === LeftParenthesis);
  }

  #sawAssign(): void {
    if (this.#open.length === 0) this.#inHeader = false;
    if (this.#inBlock()) this.#isAssigned = true;
  }

  #inBlock(): boolean {
    return this.#open.length === 0 || this.#open.at(-1)!.token.tokenType === LeftBrace;
  }

  #push(token: IToken): void {
    this.#tokens.push(token);
  }

  // ---------------------------------------------------------------------------------- line breaks

  #breakBefore(token: IToken): void {
    const top = this.#open.at(-1);
    const last = this.#tokens.at(-1);
    if (top !== undefined && top.token.tokenType !== LeftBrace) return;
    if (last === undefined || last.tokenType === LeftBrace || this.#first === null) return;
    if (this.#continues(last, token)) return;
    if (top === undefined && !isGradient(token)) this.#endDeclaration();
    else this.#endLine(last);
  }

  #continues(last: IToken, next: IToken): boolean {
    if (this.#closedReducer) return true;
    if (this.#isTorn) return next.tokenType === RightBrace;
    if (continuesAfter.has(last.tokenType) || continuesBefore.has(next.tokenType)) return true;
    if (tokenMatcher(last, InfixOperator) || tokenMatcher(next, InfixOperator)) return true;
    if (!this.#inHeader || this.#open.length > 0) return false;
    return next.tokenType === LeftParenthesis || headerWords.has(next.image);
  }

  #endLine(last: IToken): void {
    const startOffset = last.startOffset + last.image.length;
    this.#push({ ...retyped(last, EndOfLine, ""), startOffset, endOffset: startOffset });
    this.#first = null;
  }

  #endDeclaration(): void {
    if (this.#tokens.length > 0) this.#declarations.push(this.#tokens);
    this.#tokens = [];
    this.#first = null;
    this.#inHeader = false;
    this.#closedReducer = false;
  }

  // ------------------------------------------------------------------------------------- brackets

  #openBracket(token: IToken): boolean {
    if (this.#open.length >= maximumNesting) {
      const span = spanOfTokens(this.#file, token);
      const values = { what: "text", limit: maximumNesting };
      this.#sink.report(diagnostics.tooDeeplyNested(span, values));
      this.#unclosed.push(this.#open[0]!.token.startOffset);
      this.#closeFrom(0, false);
      return false;
    }
    const isReducer = this.#tokens.at(-1)?.tokenType === Reducer;
    this.#push(token);
    this.#open.push({ token, isReducer });
    if (token.tokenType === LeftBrace) {
      this.#first = null;
      this.#inHeader = false;
    }
    return true;
  }

  #closeBracket(token: IToken): void {
    const partner = this.#partnerOf(token);
    if (partner === null) {
      if (this.#dropped.length < maximumMismatches) this.#reportMismatch(token);
      this.#dropped.push(token.startOffset);
      this.#isTorn = true;
      const top = this.#open.at(-1);
      if (top === undefined || token.tokenType === RightBrace || top.token.tokenType === LeftBrace)
        return;
      this.#closeTop(retyped(token, closerOf.get(top.token.tokenType)!, token.image));
      return;
    }
    this.#closeFrom(partner + 1, true);
    this.#closeTop(token);
  }

  /** Index of the open bracket that this one closes; parentheses do not reach out of their block. */
  #partnerOf(closer: IToken): number | null {
    for (let at = this.#open.length - 1; at >= 0; at--) {
      const type = this.#open[at]!.token.tokenType;
      if (closerOf.get(type) === closer.tokenType) return at;
      if (type === LeftBrace) return null;
    }
    return null;
  }

  #closeTop(closer: IToken): void {
    const { isReducer } = this.#open.pop()!;
    this.#push(closer);
    this.#closedReducer = isReducer;
    // What follows `}` on its line is still the same statement: `else`, or an error.
    if (closer.tokenType === RightBrace) this.#first = closer;
  }

  /** Closes every bracket from this depth on, the innermost first. */
  #closeFrom(depth: number, isReported: boolean): void {
    while (this.#open.length > depth) {
      const { token } = this.#open.at(-1)!;
      const type = closerOf.get(token.tokenType)!;
      const last = this.#tokens.at(-1) ?? token;
      const startOffset = last.startOffset + last.image.length;
      if (isReported) {
        if (type !== RightBrace) this.#unclosed.push(token.startOffset);
        const [line = ""] = this.#file.text.slice(token.startOffset).split("\n", 1);
        const comment = line.includes("//")
          ? "`//` begins a comment; `floor_divide(a, b)` is a quotient rounded down"
          : undefined;
        const values = { open: token.image, close: type.name, comment };
        this.#sink.report(diagnostics.unclosedBracket(spanOfTokens(this.#file, token), values));
      }
      this.#closeTop({ ...retyped(last, type, ""), startOffset, endOffset: startOffset });
    }
  }

  #reportMismatch(token: IToken): void {
    const top = this.#open.at(-1);
    const expected = top === undefined ? undefined : closerOf.get(top.token.tokenType)?.name;
    const span = spanOfTokens(this.#file, token);
    const opener = top === undefined ? [] : [spanOfTokens(this.#file, top.token)];
    this.#sink.report(
      diagnostics.mismatchedBracket(
        span,
        {
          close: token.image,
          hint: expected === undefined ? undefined : `\`${expected}\` would close what is open`,
        },
        { labels: opener.map((place) => ({ span: place, text: "this is open" })) },
      ),
    );
  }

  // ------------------------------------------------------------------------------------- keywords

  /** A declaration's keyword at the very start of a line, with what must follow it. */
  #startsDeclarationLine(at: number): boolean {
    const token = this.#raw[at]!;
    const before = this.#file.text[token.startOffset - 1];
    if (before !== undefined && before !== "\n" && before !== "\r") return false;
    return this.#isDeclarationKeyword(token, at) && !this.#isSetting(token, at);
  }

  /** `optimizer Own(…)` in a train block that is not indented: no body follows. */
  #isSetting(token: IToken, at: number): boolean {
    if (token.image !== "optimizer" || this.#tokens[0]?.tokenType !== Train) return false;
    let depth = 0;
    for (let next = at + 2; next < this.#raw.length; next++) {
      const { tokenType } = this.#raw[next]!;
      if (depth === 0 && tokenType === LeftBrace) return false;
      if (closerOf.has(tokenType)) depth++;
      if (closers.has(tokenType)) depth--;
      if (depth < 0 || (depth === 0 && tokenType === LineBreak)) break;
    }
    return this.#open.length > 0;
  }

  #isDeclarationKeyword(token: IToken, at: number): boolean {
    const keyword = declarationKeywords.get(token.image);
    if (keyword === undefined) return false;
    const next = this.#after(at);
    if (keyword === Import) return next.tokenType === LeftBrace || tokenMatcher(next, StringToken);
    return next.tokenType === Identifier;
  }

  #asKeyword(token: IToken, at: number): IToken {
    if (token.tokenType !== Identifier) return token;
    if (this.#open.length === 0) {
      if (isGradient(token) && this.#tokens.length > 0) return retyped(token, Gradient);
      const keyword = declarationKeywords.get(token.image);
      return keyword === undefined ? token : retyped(token, keyword);
    }
    const next = this.#raw[at + 1]?.tokenType;
    const keyword = statementKeywords.get(token.image);
    if (keyword !== undefined && next === Identifier) return retyped(token, keyword);
    const procedure = procedureKeywords.get(token.image);
    if (procedure !== undefined && next === LeftParenthesis) return retyped(token, procedure);
    if (token.image !== "update") return token;
    const opensBlock = next === Identifier && this.#raw[at + 2]?.tokenType === LeftBrace;
    return opensBlock ? retyped(token, Update) : token;
  }

  /** A token that is not the first of its statement. */
  #inPlace(token: IToken, at: number): IToken {
    if (token.tokenType !== Identifier || this.#tokens.at(-1)?.tokenType === Period) return token;
    if (this.#raw[at + 1]?.tokenType === LeftBracket && reducers.has(token.image)) {
      return retyped(token, Reducer);
    }
    const last = this.#tokens.at(-1);
    const followsBody = this.#open.length === 0 && last !== undefined && endsOperand(last);
    return followsBody && isGradient(token) ? retyped(token, Gradient) : token;
  }

  /** The next token that is not a line break, or the token itself at the end of the file. */
  #after(at: number): IToken {
    let next = at + 1;
    while (this.#raw[next]?.tokenType === LineBreak) next++;
    return this.#raw[next] ?? this.#raw[at]!;
  }
}

/** Whether no operand can follow, so that a word does not belong to the expression before it. */
function endsOperand(token: IToken): boolean {
  return (
    token.tokenType === Identifier ||
    closers.has(token.tokenType) ||
    [NumberToken, StringToken, True, False, None].some((type) => tokenMatcher(token, type))
  );
}

function isGradient(token: IToken): boolean {
  return token.image === "gradient" && token.tokenType === Identifier;
}

function retyped(token: IToken, tokenType: TokenType, image = token.image): IToken {
  return { ...token, image, tokenType, tokenTypeIdx: tokenType.tokenTypeIdx! };
}
