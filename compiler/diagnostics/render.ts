/**
 * Diagnostics as text for people and as data for machines. The shape is that of codespan and rustc:
 *
 *     error[inner-dimensions]: the inner dimensions of @ differ
 *       ┌─ model.nn:9:7
 *     9 │   y = h @ w
 *       │       ^   ~ f32[256, 10], from `param w` at 7:3
 *       │       └ f32[N, 512], from Block(512) at 5:30
 *       = the last axis of the left side must equal the first of the right side
 *       = hint: …
 *
 * `^` marks the place that the diagnostic is about, `~` what else belongs to it. Labels in other files get a
 * heading of their own.
 */

import { styleText } from "node:util";
import type { Diagnostic, Label } from "./diagnostic.ts";
import { displayWidth, type Position, printable, SourceText } from "./source-text.ts";

/** Texts by file name. A file that is missing is named without showing its lines. */
export type Sources = ReadonlyMap<string, string>;

export interface RenderOptions {
  readonly color: boolean;
}

/** Lines longer than this are shown in part. */
const maximumWidth = 120;
/** How much of a long line is shown before its first label. */
const leadWidth = 40;

/** Several lines, without a final line break. */
export function renderDiagnostic(
  diagnostic: Diagnostic,
  sources: Sources,
  options: RenderOptions,
): string {
  const paint = painter(options.color);
  const tone = diagnostic.severity === "error" ? "error" : "warning";
  const byFile = groupByFile(diagnostic);
  const gutter = gutterWidth(byFile, sources);
  const pad = " ".repeat(gutter);
  const head = paint(`${diagnostic.severity}[${diagnostic.code}]`, tone);
  const lines = [`${head}${paint(`: ${printable(diagnostic.title)}`, "strong")}`];
  for (const [file, labels] of byFile) {
    const text = sources.get(file);
    if (text === undefined) {
      lines.push(`${pad} ${paint("┌─", "frame")} ${printable(file)}`);
      for (const { label } of labels) {
        if (label.text !== "") lines.push(`${pad} ${paint("│", "frame")} ${printable(label.text)}`);
      }
      continue;
    }
    const source = new SourceText(text);
    const { line, column } = source.position((labels[0] as Marked).label.span.start);
    lines.push(`${pad} ${paint("┌─", "frame")} ${printable(file)}:${line}:${column}`);
    lines.push(...renderLines(source, labels, gutter, tone, paint));
  }
  const remarks = [...diagnostic.notes];
  if (diagnostic.hint !== undefined) remarks.push(`hint: ${diagnostic.hint}`);
  for (const remark of remarks) {
    const [first, ...rest] = remark.split("\n").map(printable);
    lines.push(`${pad} ${paint("=", "frame")} ${first}`);
    for (const line of rest) lines.push(`${pad}   ${line}`);
  }
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** All of them with a blank line between, and a line that counts them; at most `limit` are shown. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  options: RenderOptions & { readonly limit?: number },
): string {
  const shown = diagnostics.slice(0, options.limit ?? 50);
  const parts = shown.map((diagnostic) => renderDiagnostic(diagnostic, sources, options));
  if (diagnostics.length > 0) parts.push(countDiagnostics(diagnostics));
  return parts.join("\n\n");
}

/** `2 errors and 1 warning` */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const counts = (["error", "warning"] as const).flatMap((severity) => {
    const count = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? "" : "s"}`];
  });
  return counts.length === 0 ? "no errors" : counts.join(" and ");
}

/** A place in lines and columns, for `--json`. */
export interface JsonPlace {
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
  readonly text: string;
}

export interface JsonDiagnostic {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  readonly primary: JsonPlace;
  readonly labels: readonly JsonPlace[];
  readonly notes: readonly string[];
  readonly hint: string | null;
}

export function diagnosticToJson(diagnostic: Diagnostic, sources: Sources): JsonDiagnostic {
  const place = ({ span, text }: Label): JsonPlace => {
    const source = new SourceText(sources.get(span.file) ?? "");
    return {
      file: span.file,
      start: source.position(span.start),
      end: source.position(span.end),
      text,
    };
  };
  const { code, severity, title, notes, hint } = diagnostic;
  const labels = diagnostic.labels.map(place);
  return {
    code,
    severity,
    title,
    primary: place(diagnostic.primary),
    labels,
    notes,
    hint: hint ?? null,
  };
}

// ------------------------------------------------------------------------------- lines and marks

interface Marked {
  readonly label: Label;
  readonly isPrimary: boolean;
}

type Tone = "error" | "warning" | "secondary" | "frame" | "strong";
type Paint = (text: string, tone: Tone) => string;

const formats = {
  error: ["bold", "red"],
  warning: ["bold", "yellow"],
  secondary: ["cyan"],
  frame: ["blue"],
  strong: ["bold"],
} as const;

/** Whether there is a terminal that wants colours is the caller's to decide. */
const always = { validateStream: false };

function painter(color: boolean): Paint {
  if (!color) return (text) => text;
  return (text, tone) =>
    formats[tone].reduce<string>((painted, format) => styleText(format, painted, always), text);
}

/** The primary label's file first, and in it the primary label first. */
function groupByFile(diagnostic: Diagnostic): ReadonlyMap<string, readonly Marked[]> {
  const byFile = new Map<string, Marked[]>();
  const all = [
    { label: diagnostic.primary, isPrimary: true },
    ...diagnostic.labels.map((label) => ({ label, isPrimary: false })),
  ];
  for (const marked of all) {
    const { file, start, end } = marked.label.span;
    const others = byFile.get(file) ?? [];
    const isKnown = others.some(
      ({ label: { span, text } }) =>
        span.start === start && span.end === end && text === marked.label.text,
    );
    if (!isKnown) byFile.set(file, [...others, marked]);
  }
  return byFile;
}

function gutterWidth(byFile: ReadonlyMap<string, readonly Marked[]>, sources: Sources): number {
  let last = 1;
  for (const [file, labels] of byFile) {
    const source = new SourceText(sources.get(file) ?? "");
    for (const { label } of labels) last = Math.max(last, source.lineOf(label.span.start));
  }
  return String(last).length;
}

function renderLines(
  source: SourceText,
  labels: readonly Marked[],
  gutter: number,
  tone: Tone,
  paint: Paint,
): string[] {
  const byLine = new Map<number, Marked[]>();
  for (const marked of labels) {
    const line = source.lineOf(marked.label.span.start);
    byLine.set(line, [...(byLine.get(line) ?? []), marked]);
  }
  const lines: string[] = [];
  let previous: number | null = null;
  const bar = paint("│", "frame");
  for (const [line, own] of [...byLine].sort(([a], [b]) => a - b)) {
    if (previous !== null && line > previous + 1)
      lines.push(`${" ".repeat(gutter)} ${paint("·", "frame")}`);
    previous = line;
    const { text, marks } = placeMarks(source, line, own);
    lines.push(`${paint(String(line).padStart(gutter), "frame")} ${bar} ${text}`);
    for (const row of markRows(marks, tone, paint))
      lines.push(`${" ".repeat(gutter)} ${bar} ${row}`);
  }
  return lines;
}

/** A label in cells of the shown line. */
interface Mark {
  readonly column: number;
  readonly width: number;
  readonly text: string;
  readonly isPrimary: boolean;
}

/** The line as shown, cut to a window if it is long, and where its labels lie in it. */
function placeMarks(
  source: SourceText,
  line: number,
  labels: readonly Marked[],
): { text: string; marks: readonly Mark[] } {
  const full = source.line(line);
  const start = source.startOf(line);
  const inLine = (offset: number) => Math.max(0, Math.min(offset - start, full.length));
  const first = Math.min(...labels.map(({ label }) => inLine(label.span.start)));
  const isCut = displayWidth(full) > maximumWidth;
  const from = isCut ? Math.max(0, first - leadWidth) : 0;
  const to = isCut ? from + maximumWidth : full.length;
  const lead = from > 0 ? "…" : "";
  const cell = (offset: number) => {
    const inside = Math.max(from, Math.min(inLine(offset), to));
    return lead.length + displayWidth(full.slice(from, inside));
  };
  const marks = labels.map(({ label, isPrimary }) => {
    const column = cell(label.span.start);
    const width = Math.max(1, cell(label.span.end) - column);
    return { column, width, text: printable(label.text), isPrimary };
  });
  const text = `${lead}${printable(full.slice(from, to))}${to < full.length ? "…" : ""}`;
  // Texts are written from the last mark to the first, so those of one place come out in the order given.
  return { text, marks: marks.reverse().sort((a, b) => a.column - b.column || b.width - a.width) };
}

/** A row of marks with the last label's text, then one row for each other label, from right to left. */
function markRows(marks: readonly Mark[], tone: Tone, paint: Paint): string[] {
  const toneOf = (mark: Mark): Tone => (mark.isPrimary ? tone : "secondary");
  const underline: Cell[] = [];
  for (const mark of [...marks].sort((a, b) => layerOf(a, marks) - layerOf(b, marks))) {
    for (let at = mark.column; at < mark.column + mark.width; at++) {
      underline[at] = { character: mark.isPrimary ? "^" : "~", tone: toneOf(mark) };
    }
  }
  const last = marks.at(-1);
  const isLast = last !== undefined && last.column + last.width === underline.length;
  const beside = isLast ? last : undefined;
  const text =
    beside === undefined || beside.text === "" ? "" : ` ${paint(beside.text, toneOf(beside))}`;
  const rows = [`${paintCells(underline, paint)}${text}`];
  const below = marks.filter((mark) => mark !== beside && mark.text !== "");
  for (let at = below.length - 1; at >= 0; at--) {
    const mark = below[at]!;
    const stems: Cell[] = [];
    for (const other of below.slice(0, at)) {
      stems[other.column] = { character: "│", tone: toneOf(other) };
    }
    const lead = paintCells(stems.slice(0, mark.column), paint, mark.column);
    rows.push(`${lead}${paint(`└ ${mark.text}`, toneOf(mark))}`);
  }
  return rows;
}

/** The primary mark lies over the others, but for those of its parts. */
function layerOf(mark: Mark, marks: readonly Mark[]): number {
  if (mark.isPrimary) return 1;
  const primary = marks.find(({ isPrimary }) => isPrimary);
  if (primary === undefined || mark.width >= primary.width) return 0;
  const isInside =
    mark.column >= primary.column && mark.column + mark.width <= primary.column + primary.width;
  return isInside ? 2 : 0;
}

interface Cell {
  readonly character: string;
  readonly tone: Tone;
}

function paintCells(
  cells: readonly (Cell | undefined)[],
  paint: Paint,
  width = cells.length,
): string {
  let row = "";
  for (let at = 0; at < width; at++) {
    const cell = cells[at];
    row += cell === undefined ? " " : paint(cell.character, cell.tone);
  }
  return row;
}
