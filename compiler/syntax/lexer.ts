/**
 * Text to raw tokens. Nothing stops the lexer: what is not a word of the language is reported and left out,
 * and a malformed number or string stands for the one that was meant.
 */

import { type ILexingError, type IToken, Lexer } from "chevrotain";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import type { SourceFile } from "./ast.ts";
import { spanOfTokens } from "./spans.ts";
import {
  allTokens,
  documentationGroup,
  MalformedNumber,
  StringToken,
  UnterminatedString,
} from "./tokens.ts";

export interface LexedFile {
  /** In order of the text, with line breaks, without comments. */
  readonly tokens: readonly IToken[];
  /** The `///` comments, in order. */
  readonly documentation: readonly IToken[];
  /** Where characters were left out; errors after them on their line are likely their consequence. */
  readonly gaps: readonly number[];
}

/** A file of another format consists of unknown characters; after this many we have made our point. */
const maximumUnknownCharacters = 10;

const lexer = new Lexer([...allTokens], {
  positionTracking: "onlyOffset",
  ensureOptimizations: true,
  skipValidations: true,
});

export function lex(file: SourceFile, sink: DiagnosticSink): LexedFile {
  const { tokens, errors, groups } = lexer.tokenize(file.text);
  for (const error of errors.slice(0, maximumUnknownCharacters)) reportUnknown(file, error, sink);
  for (const comment of groups.unterminated ?? []) {
    const start = comment.startOffset;
    const span = { file: file.name, start, end: start + 2 };
    sink.report(diagnostics.unterminatedComment(span, {}));
  }
  for (const token of tokens) {
    if (token.tokenType === MalformedNumber) reportMalformedNumber(file, token, sink);
    else if (token.tokenType === UnterminatedString) {
      sink.report(diagnostics.unterminatedString(spanOfTokens(file, token), {}));
    } else if (token.tokenType === StringToken) reportUnknownEscapes(file, token, sink);
  }
  const gaps = errors.map((error) => error.offset);
  return { tokens, documentation: groups[documentationGroup] ?? [], gaps };
}

/** The value of a number token; malformed numbers, which are reported already, give 0. */
export function numberValue(token: IToken): { value: number; isInteger: boolean } {
  const text = token.image.replaceAll("_", "");
  const value = token.tokenType === MalformedNumber ? 0 : Number(text);
  return { value, isInteger: /^\d+$/.test(text) };
}

const escapes: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", n: "\n", t: "\t" };

/** The text a string token stands for; unknown escapes, which are reported already, stand for themselves. */
export function stringValue(token: IToken): string {
  const closed = token.tokenType !== UnterminatedString;
  const inside = token.image.slice(1, closed ? -1 : undefined);
  return inside.replace(/\\(.)/gs, (whole, letter: string) => escapes[letter] ?? whole);
}

function reportUnknownEscapes(file: SourceFile, token: IToken, sink: DiagnosticSink): void {
  for (const match of token.image.slice(0, -1).matchAll(/\\(.)/gsu)) {
    if (escapes[match[1] ?? ""] !== undefined) continue;
    const start = token.startOffset + match.index;
    const span = { file: file.name, start, end: start + match[0].length };
    sink.report(diagnostics.unknownEscape(span, { escape: match[0] }));
  }
}

function reportMalformedNumber(file: SourceFile, token: IToken, sink: DiagnosticSink): void {
  const text = token.image;
  const product = /^([\d_.]+)([A-Za-z_]\w*)$/.exec(text);
  let replacement: string | undefined;
  if (/^\.[\d_]+$/.test(text)) replacement = `0${text}`;
  else if (/^[\d_]+\.$/.test(text)) replacement = `${text}0`;
  else if (product !== null && !/^[eE_]/.test(product[2] ?? "") && !text.includes(".")) {
    replacement = `${product[1]} * ${product[2]}`;
  }
  sink.report(diagnostics.malformedNumber(spanOfTokens(file, token), { text, replacement }));
}

/** What people of other languages may have meant. */
const replacements: Readonly<Record<string, string>> = {
  "&": "and",
  "|": "or",
  "!": "not",
  "'": '"',
  "×": "*",
  "·": "*",
  "÷": "/",
  "−": "-",
  "≤": "<=",
  "≥": ">=",
  "≠": "!=",
  "→": "->",
  "←": "<-",
  "…": "...",
  "“": '"',
  "”": '"',
};

/** What takes the place of characters that other languages use. */
const advice: Readonly<Record<string, string>> = {
  "#": "a comment begins with `//`",
  ";": "a statement ends with its line",
  ".": "a name has no parts: write `block`, not `layers.block`",
};

function reportUnknown(file: SourceFile, error: ILexingError, sink: DiagnosticSink): void {
  const run = file.text.slice(error.offset, error.offset + error.length);
  const first = String.fromCodePoint(file.text.codePointAt(error.offset) ?? 0);
  const isDoubled = run === "&&" || run === "||";
  const shown = isDoubled ? run : first;
  const printable = /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(shown);
  const code = (first.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const span = { file: file.name, start: error.offset, end: error.offset + shown.length };
  sink.report(
    diagnostics.unexpectedCharacter(span, {
      character: printable ? `\`${shown}\`` : `the character U+${code}`,
      replacement: replacements[first],
      advice: advice[first],
    }),
  );
}
