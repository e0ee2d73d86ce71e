/**
 * Fills the texts of the catalogue. A placeholder is `{name}`; `{name?}` may be absent, and then the hint or
 * note it stands in is left out. The first hint that can be filled is the one shown.
 */

import type { Diagnostic, Label, Severity, Span } from "./diagnostic.ts";
import { invariant } from "./diagnostic.ts";

/** One entry of the catalogue, as written in Markdown. */
export interface CatalogueEntry {
  readonly code: string;
  /** The Markdown file it stands in, without its ending: syntax, names, … */
  readonly area: string;
  readonly severity: Severity;
  readonly title: string;
  readonly label: string;
  readonly notes: readonly string[];
  readonly hints: readonly string[];
  readonly why: string;
  /** A source that gives this diagnostic and no other error, and one beside it that gives none. */
  readonly wrong: string;
  readonly right: string;
  /** Files beside both sources, by name. */
  readonly files: Readonly<Record<string, string>>;
}

export type PlaceholderValues = Readonly<Record<string, string | number | undefined>>;

/** Where a diagnostic stands: a span takes the catalogue's text for its label, a label brings its own. */
export type Place = Span | Label;

/** What one occurrence adds to the catalogue's text. */
export interface Occurrence {
  readonly labels?: readonly Label[];
  readonly notes?: readonly string[];
  /** Instead of the catalogue's hint. */
  readonly hint?: string;
}

export function makeDiagnostic(
  entry: CatalogueEntry,
  place: Place,
  values: PlaceholderValues,
  occurrence: Occurrence = {},
): Diagnostic {
  const title = fillTemplate(entry.title, values);
  invariant(title !== null, `a value is missing in the title of ${entry.code}`);
  const primary: Label =
    "span" in place ? place : { span: place, text: fillTemplate(entry.label, values) ?? "" };
  const notes = entry.notes
    .map((note) => fillTemplate(note, values))
    .filter((note) => note !== null);
  const hint =
    occurrence.hint ??
    entry.hints.map((text) => fillTemplate(text, values)).find((text) => text !== null);
  return {
    code: entry.code,
    severity: entry.severity,
    title,
    primary,
    labels: occurrence.labels ?? [],
    notes: [...notes, ...(occurrence.notes ?? [])],
    ...(hint === undefined ? {} : { hint }),
  };
}

/** The text with its placeholders replaced, or null if one has no value. */
export function fillTemplate(template: string, values: PlaceholderValues): string | null {
  let complete = true;
  const text = template.replace(/\{(\w+)\??\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) complete = false;
    return String(value);
  });
  return complete ? text : null;
}
