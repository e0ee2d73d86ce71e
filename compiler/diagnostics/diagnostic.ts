/**
 * Diagnostics are values: every stage collects them and goes on where it can, and only the command
 * line prints them. A user's mistake is always a diagnostic; a broken assumption of our own is an
 * `InvariantError`, which asks for a report.
 */

/** A half-open range of UTF-16 offsets in one source file. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export type Severity = "error" | "warning";

/** A span with what is to be said about it. */
export interface Label {
  readonly span: Span;
  readonly text: string;
}

export interface Diagnostic {
  /** Kebab-case key of the catalogue, such as `unknown-name`. */
  readonly code: string;
  readonly severity: Severity;
  /** One line, lower case, no full stop. */
  readonly title: string;
  readonly primary: Label;
  readonly labels: readonly Label[];
  readonly notes: readonly string[];
  /** What to do about it. */
  readonly hint?: string;
}

/** Where stages put what they found; made once per compilation and passed on. */
export class DiagnosticSink {
  readonly #diagnostics: Diagnostic[] = [];

  report(diagnostic: Diagnostic): void {
    this.#diagnostics.push(diagnostic);
  }

  get hasErrors(): boolean {
    return this.#diagnostics.some((diagnostic) => diagnostic.severity === "error");
  }

  /** All diagnostics in order of file and place, each once. */
  sorted(): readonly Diagnostic[] {
    const seen = new Set<string>();
    return [...this.#diagnostics]
      .sort(
        (a, b) =>
          a.primary.span.file.localeCompare(b.primary.span.file) ||
          a.primary.span.start - b.primary.span.start ||
          a.code.localeCompare(b.code),
      )
      .filter((diagnostic) => {
        const { file, start, end } = diagnostic.primary.span;
        const key = `${file}:${start}:${end}:${diagnostic.code}:${diagnostic.title}`;
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
      });
  }
}

/** A bug in nnc, never a user's mistake. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";

  constructor(message: string) {
    super(`internal error in nnc (please report it): ${message}`);
  }
}

/** States what must hold for the code that follows. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Closes a switch over a union: a missing case does not compile. */
export function assertExhaustive(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}`);
}
