/**
 * Text to syntax tree. Everything wrong is reported, several things a run; nothing throws, whatever the text.
 */

import type { IToken } from "chevrotain";
import { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { SourceText } from "../diagnostics/source-text.ts";
import type { Declaration, ParsedFile, SourceFile } from "./ast.ts";
import { DeclarationGrammar } from "./declaration-grammar.ts";
import { layOut } from "./layout.ts";
import { lex } from "./lexer.ts";
import { declarationKeywords } from "./tokens.ts";

/**
 * The grammar with its lookahead tables. Chevrotain takes some ten milliseconds to analyse it, so one serves
 * the whole process: every declaration read sets its file, tokens and sink, and runs to its end.
 */
let grammar: DeclarationGrammar | null = null;

/** A declaration of a file that is cut into its declarations. */
export interface UnreadDeclaration {
  /** The word after its keyword: what it declares, unless it is an import or a train block. */
  readonly name: string;
  /** Null if it is none, which is reported. To be called once. */
  read(): Declaration | null;
}

export function parse(file: SourceFile, sink: DiagnosticSink): ParsedFile {
  const declarations = cut(file, sink).flatMap((declaration) => declaration.read() ?? []);
  return { file, declarations };
}

/** The declarations of a file, each of which is parsed when it is read. */
export function cut(file: SourceFile, sink: DiagnosticSink): readonly UnreadDeclaration[] {
  const { tokens, documentation, gaps } = lex(file, sink);
  const { chunks, unclosed, dropped } = layOut(file, tokens, sink);
  const source = new SourceText(file.text);
  const torn = new Set([...gaps, ...dropped].map((offset) => source.lineOf(offset)));
  const read = (chunk: readonly IToken[]): Declaration | null => {
    grammar ??= new DeclarationGrammar();
    const found = new DiagnosticSink();
    const declaration = grammar.read(file, chunk, found);
    for (const diagnostic of found.sorted()) {
      const at = diagnostic.primary.span.start;
      const isConsequence =
        torn.has(source.lineOf(at)) ||
        unclosed.some((bracket) => bracket < at && bracket >= chunk[0]!.startOffset);
      if (!isConsequence) sink.report(diagnostic);
    }
    if (declaration === null) return null;
    const doc = documentationBefore(declaration.span.start, file.text, documentation);
    return { ...declaration, doc };
  };
  return chunks.map((chunk) => ({ name: chunk[1]?.image ?? "", read: () => read(chunk) }));
}

/** The first line of a declaration with the `///` lines above it. */
const declarationStart = new RegExp(
  `(?:^///.*\\n)*^(?:${[...declarationKeywords.keys()].join("|")})[ \\t]+(\\w+)`,
  "gm",
);

/**
 * `cut` of a file of the library, which has no faults: every declaration begins a line, and nothing else begins one with
 * its keyword. Texts of declarations that are not read are not looked at, nor are those whose trees were kept, as JSON.
 */
export function cutLibrary(
  file: SourceFile,
  sink: DiagnosticSink,
  kept?: readonly string[],
): readonly UnreadDeclaration[] {
  const starts = [...file.text.matchAll(declarationStart)];
  return starts.map((start, i) => ({
    name: start[1]!,
    read: () => {
      const tree = kept?.[i];
      if (tree !== undefined) return JSON.parse(tree) as Declaration;
      // Blanks in place of what comes before keep every offset.
      const own = file.text.slice(start.index, starts[i + 1]?.index);
      const [declaration] = cut({ name: file.name, text: " ".repeat(start.index) + own }, sink);
      return declaration?.read() ?? null;
    },
  }));
}

/** The `///` lines that end on the line before this offset, joined; null if there are none. */
function documentationBefore(
  offset: number,
  text: string,
  documentation: readonly IToken[],
): string | null {
  const lines: string[] = [];
  let below = offset;
  for (let at = lastBefore(documentation, offset); at >= 0; at--) {
    const comment = documentation[at]!;
    const end = comment.startOffset + comment.image.length;
    const isAbove = /^[ \t]*(?:\r\n|\n|\r)[ \t]*$/.test(text.slice(end, below));
    if (!isAbove || !beginsLine(text, comment.startOffset)) break;
    lines.unshift(comment.image.slice(3).trim());
    below = comment.startOffset;
  }
  return lines.length === 0 ? null : lines.join("\n");
}

/** Whether nothing but blanks stands before this offset on its line. */
function beginsLine(text: string, offset: number): boolean {
  let at = offset;
  while (at > 0 && (text[at - 1] === " " || text[at - 1] === "\t")) at--;
  return at === 0 || text[at - 1] === "\n" || text[at - 1] === "\r";
}

/** Index of the last token that begins before the offset, or -1. */
function lastBefore(tokens: readonly IToken[], offset: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tokens[middle]!.startOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
