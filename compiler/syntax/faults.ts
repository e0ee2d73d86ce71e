/**
 * How a rule of the grammar gives up: with a diagnostic that says why. The nearest list of statements or
 * entries catches it, reports it and goes on with the next line.
 */

import type { Diagnostic } from "../diagnostics/diagnostic.ts";

export class SyntaxFault extends Error {
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic) {
    super(diagnostic.title);
    this.diagnostic = diagnostic;
  }
}
