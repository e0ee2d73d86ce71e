/**
 * Spans are made from tokens here and nowhere else. Chevrotain gives offsets of NaN or -1 to tokens that are
 * not in the text (the end of the file); they become the empty span at the end of what was read.
 */

import type { IToken } from "chevrotain";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { SourceFile } from "./ast.ts";

/** From the first character of one token to the last of another (itself, if only one is given). */
export function spanOfTokens(file: SourceFile, first: IToken, last: IToken = first): Span {
  const end = endOf(last) ?? endOf(first) ?? file.text.length;
  const start = offset(first.startOffset) ?? end;
  return { file: file.name, start: Math.min(start, end), end };
}

/** The shortest span that covers both. */
export function joinSpans(first: Span, last: Span): Span {
  return { file: first.file, start: first.start, end: Math.max(first.end, last.end) };
}

function endOf(token: IToken): number | null {
  const start = offset(token.startOffset);
  return start === null ? null : start + token.image.length;
}

function offset(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) || value < 0 ? null : value;
}
