// Generated from compiler/diagnostics/*.md by generate.mjs; do not edit.

import type { Diagnostic } from "./diagnostic.ts";
import { type CatalogueEntry, makeDiagnostic, type Occurrence, type Place } from "./template.ts";

export type DiagnosticCode =
  | "unexpected-token"
  | "unexpected-character"
  | "malformed-number"
  | "unterminated-string"
  | "unknown-escape"
  | "unterminated-comment"
  | "unclosed-bracket"
  | "mismatched-bracket"
  | "too-deeply-nested"
  | "expression-statement"
  | "invalid-assignment-target"
  | "parentheses-needed"
  | "chained-comparison"
  | "positional-after-named"
  | "missing-declaration"
  | "missing-inputs"
  | "optimizer-without-update"
  | "duplicate-procedure"
  | "missing-initial-value"
  | "scan-not-available"
  | "gradient-not-available";

/** Every diagnostic nnc can give. */
export const catalogue: { readonly [K in DiagnosticCode]: CatalogueEntry } = {
  "unexpected-token": {
    "code": "unexpected-token",
    "area": "syntax",
    "severity": "error",
    "title": "expected {expected}, found {found}",
    "label": "unexpected",
    "notes": [],
    "hints": [
      "{hint?}"
    ],
    "why": "The text does not follow the grammar here. The statement is skipped; what follows is still checked.",
    "wrong": "const width = 3 +\n",
    "right": "const width = 3 + 1\n",
    "files": {}
  },
  "unexpected-character": {
    "code": "unexpected-character",
    "area": "syntax",
    "severity": "error",
    "title": "{character} is not part of the language",
    "label": "unknown character",
    "notes": [],
    "hints": [
      "write `{replacement?}`"
    ],
    "why": "Names consist of ASCII letters, digits and `_`, and may end with `'`.",
    "wrong": "const width = 3 ? 4\n",
    "right": "const width = 3 * 4\n",
    "files": {}
  },
  "malformed-number": {
    "code": "malformed-number",
    "area": "syntax",
    "severity": "error",
    "title": "`{text}` is not a number",
    "label": "malformed number",
    "notes": [],
    "hints": [
      "write `{replacement?}`"
    ],
    "why": "A number has digits before and after its point; underscores may group digits; a name never begins with a digit.",
    "wrong": "const rate = .5\n",
    "right": "const rate = 0.5\n",
    "files": {}
  },
  "unterminated-string": {
    "code": "unterminated-string",
    "area": "syntax",
    "severity": "error",
    "title": "the string does not end on its line",
    "label": "begins here",
    "notes": [],
    "hints": [
      "close it with `\"`"
    ],
    "why": "Strings stand in double quotes on one line; `\\\"`, `\\\\`, `\\n` and `\\t` are the escapes.",
    "wrong": "import \"blocks.nn\n",
    "right": "const path = \"blocks.nn\"\n",
    "files": {}
  },
  "unknown-escape": {
    "code": "unknown-escape",
    "area": "syntax",
    "severity": "error",
    "title": "`{escape}` is not an escape",
    "label": "in this string",
    "notes": [],
    "hints": [
      "the escapes are `\\\"`, `\\\\`, `\\n` and `\\t`; a backslash itself is `\\\\`"
    ],
    "why": "A backslash in a string begins an escape.",
    "wrong": "const path = \"data\\train\"\nconst other = \"data\\images\"\n",
    "right": "const path = \"data/images\"\n",
    "files": {}
  },
  "unterminated-comment": {
    "code": "unterminated-comment",
    "area": "syntax",
    "severity": "error",
    "title": "the comment does not end",
    "label": "begins here",
    "notes": [],
    "hints": [
      "close it with `*/`"
    ],
    "why": "`/*` begins a comment that lasts to the next `*/`; such comments do not nest.",
    "wrong": "const a = 1\n/* and so on\n",
    "right": "const a = 1\n/* and so on */\n",
    "files": {}
  },
  "unclosed-bracket": {
    "code": "unclosed-bracket",
    "area": "syntax",
    "severity": "error",
    "title": "`{open}` is never closed",
    "label": "opens here",
    "notes": [],
    "hints": [
      "add `{close}`"
    ],
    "why": "Every bracket needs its partner. A declaration that begins at the start of a line ends whatever is still open.",
    "wrong": "fn double(x) = (2 * x\n\nfn triple(x) = 3 * x\n",
    "right": "fn double(x) = (2 * x)\n\nfn triple(x) = 3 * x\n",
    "files": {}
  },
  "mismatched-bracket": {
    "code": "mismatched-bracket",
    "area": "syntax",
    "severity": "error",
    "title": "`{close}` closes nothing",
    "label": "no bracket is open that this could close",
    "notes": [],
    "hints": [
      "{hint?}"
    ],
    "why": "Brackets close in the order opposite to that in which they open.",
    "wrong": "fn double(x) = (2 * x]\n",
    "right": "fn double(x) = (2 * x)\n",
    "files": {}
  },
  "too-deeply-nested": {
    "code": "too-deeply-nested",
    "area": "syntax",
    "severity": "error",
    "title": "the {what} is nested more than {limit} levels deep",
    "label": "here",
    "notes": [],
    "hints": [
      "bind parts of it to names"
    ],
    "why": "The compiler bounds the depth of what it reads, so that no input can exhaust its stack. Real programs stay far below the bound.",
    "wrong": "const deep =\n  (((((((((((((((((((((((((((((((((((((((((((((((((((\n  (((((((((((((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))))))))))))))\n  )))))))))))))))))))))))))))))))))))))))))))))))))))\n",
    "right": "const shallow = (((1)))\n",
    "files": {}
  },
  "expression-statement": {
    "code": "expression-statement",
    "area": "syntax",
    "severity": "error",
    "title": "the value of this expression is not used",
    "label": "computed and thrown away",
    "notes": [],
    "hints": [
      "bind it (`y = …`), return it, or delete it"
    ],
    "why": "Expressions have no effects, so one that stands alone as a statement does nothing.",
    "wrong": "fn double(x) {\n  x + x\n  return 2 * x\n}\n",
    "right": "fn double(x) {\n  y = x + x\n  return y\n}\n",
    "files": {}
  },
  "invalid-assignment-target": {
    "code": "invalid-assignment-target",
    "area": "syntax",
    "severity": "error",
    "title": "`<-` assigns to a whole state or parameter",
    "label": "not a name",
    "notes": [],
    "hints": [
      "assign a tensor made from the old value, or bind a new name with `=`"
    ],
    "why": "States change as a whole at the end of the step; parts of tensors and tuples are not assigned.",
    "wrong": "optimizer Half() {\n  update(w, g, t) {\n    w[0] <- 0.5 * g\n  }\n}\n",
    "right": "optimizer Half() {\n  update(w, g, t) {\n    w <- w - 0.5 * g\n  }\n}\n",
    "files": {}
  },
  "parentheses-needed": {
    "code": "parentheses-needed",
    "area": "syntax",
    "severity": "error",
    "title": "`{prefix}` needs parentheses after `{operator}`",
    "label": "binds looser than `{operator}`",
    "notes": [],
    "hints": [
      "write `({prefix} …)`"
    ],
    "why": "`if … then … else` and `not` bind looser than the operator before them, so that it is unclear how far they reach.",
    "wrong": "fn step(x) = 1 + if x > 0 then x else 0\n",
    "right": "fn step(x) = 1 + (if x > 0 then x else 0)\n",
    "files": {}
  },
  "chained-comparison": {
    "code": "chained-comparison",
    "area": "syntax",
    "severity": "error",
    "title": "comparisons do not chain",
    "label": "compares the result of the comparison before it",
    "notes": [],
    "hints": [
      "write `a < b and b < c`"
    ],
    "why": "`a < b < c` would compare a truth value with `c`.",
    "wrong": "fn inside(x) = 0 < x < 1\n",
    "right": "fn inside(x) = 0 < x and x < 1\n",
    "files": {}
  },
  "positional-after-named": {
    "code": "positional-after-named",
    "area": "syntax",
    "severity": "error",
    "title": "a positional argument follows a named one",
    "label": "needs a name, or belongs before the named arguments",
    "notes": [],
    "hints": [],
    "why": "Positional arguments come first, so that it is clear which parameter each one fills.",
    "wrong": "fn power(x, n) = x^n\nfn cube(x) = power(n = 3, x)\n",
    "right": "fn power(x, n) = x^n\nfn cube(x) = power(x, n = 3)\n",
    "files": {}
  },
  "missing-declaration": {
    "code": "missing-declaration",
    "area": "syntax",
    "severity": "error",
    "title": "expected a declaration, found {found}",
    "label": "declarations begin with import, const, fn, layer, model, optimizer, metric, data or train",
    "notes": [],
    "hints": [
      "did you mean `{nearest?}`?"
    ],
    "why": "A file consists of declarations; statements stand inside of them.",
    "wrong": "lyer Twice()(x) {\n  return 2 * x\n}\n",
    "right": "layer Twice()(x) {\n  return 2 * x\n}\n",
    "files": {}
  },
  "missing-inputs": {
    "code": "missing-inputs",
    "area": "syntax",
    "severity": "error",
    "title": "{kind} `{name}` has one list of parameters but needs two",
    "label": "the list of {second} is missing",
    "notes": [],
    "hints": [
      "write `{kind} {name}(…configuration…)(…{second}…)`; either list may be empty"
    ],
    "why": "Layers and metrics are configured first and applied later, so they have two lists.",
    "wrong": "layer Twice(x) {\n  return 2 * x\n}\n",
    "right": "layer Twice()(x) {\n  return 2 * x\n}\n",
    "files": {}
  },
  "optimizer-without-update": {
    "code": "optimizer-without-update",
    "area": "syntax",
    "severity": "error",
    "title": "optimizer `{name}` has no `update`",
    "label": "says nothing about how a parameter changes",
    "notes": [],
    "hints": [
      "add `update(w, g, t) { w <- … }`"
    ],
    "why": "An optimizer is the rule by which a parameter `w` with gradient `g` changes at its step `t`.",
    "wrong": "optimizer Lazy(learning_rate = 0.1) {\n  prepare(gs, t) {\n    return gs\n  }\n}\n",
    "right": "optimizer Eager(learning_rate = 0.1) {\n  update(w, g, t) {\n    w <- w - learning_rate * g\n  }\n}\n",
    "files": {}
  },
  "duplicate-procedure": {
    "code": "duplicate-procedure",
    "area": "syntax",
    "severity": "error",
    "title": "optimizer `{name}` has `{procedure}` twice",
    "label": "the second one",
    "notes": [],
    "hints": [],
    "why": "An optimizer has at most one `prepare` and one `update`.",
    "wrong": "optimizer Twice() {\n  update(w, g, t) {\n    w <- w - g\n  }\n  update(w, g, t) {\n    w <- w - 2 * g\n  }\n}\n",
    "right": "optimizer Once() {\n  update(w, g, t) {\n    w <- w - 3 * g\n  }\n}\n",
    "files": {}
  },
  "missing-initial-value": {
    "code": "missing-initial-value",
    "area": "syntax",
    "severity": "error",
    "title": "{role} `{name}` has no initial value",
    "label": "how does it begin?",
    "notes": [],
    "hints": [
      "write `{role} {name} = …`"
    ],
    "why": "A parameter or state begins training with some value, and a statistic is what its expression says.",
    "wrong": "layer Scale()(x: f32[..., C]) -> f32[..., C] {\n  param gain: f32[C]\n  return gain * x\n}\n",
    "right": "layer Scale()(x: f32[..., C]) -> f32[..., C] {\n  param gain: f32[C] = ones\n  return gain * x\n}\n",
    "files": {}
  },
  "scan-not-available": {
    "code": "scan-not-available",
    "area": "syntax",
    "severity": "error",
    "title": "`scan` is not available yet",
    "label": "recurrences come in a later version",
    "notes": [],
    "hints": [
      "a recurrence over few steps can be written as a static `for`"
    ],
    "why": "The word is reserved for recurrences over an axis with carried state.",
    "wrong": "layer Cumulative(T: int)(x: f32[N, T]) {\n  h = scan t in T from 0 {\n    h' = h + x[:, t]\n  }\n  return h\n}\n",
    "right": "layer Cumulative(T: int)(x: f32[N, T]) {\n  h = x[:, 0]\n  for t in 1..T {\n    h = h + x[:, t]\n  }\n  return h\n}\n",
    "files": {}
  },
  "gradient-not-available": {
    "code": "gradient-not-available",
    "area": "syntax",
    "severity": "error",
    "title": "hand-written derivatives are not available yet",
    "label": "leave the block out",
    "notes": [],
    "hints": [
      "the compiler differentiates the function itself"
    ],
    "why": "`gradient` after a function's body is reserved for a better derivative than the symbolic one.",
    "wrong": "fn square(x) = x^2\ngradient (dy) {\n  dx = 2 * x * dy\n}\n",
    "right": "fn square(x) = x^2\n",
    "files": {}
  },
};

/** One constructor for each code. */
export const diagnostics = {
  /** error: expected {expected}, found {found} */
  unexpectedToken: (place: Place, values: { readonly expected: string | number; readonly found: string | number; readonly hint: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unexpected-token"], place, values, more),
  /** error: {character} is not part of the language */
  unexpectedCharacter: (place: Place, values: { readonly character: string | number; readonly replacement: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unexpected-character"], place, values, more),
  /** error: `{text}` is not a number */
  malformedNumber: (place: Place, values: { readonly text: string | number; readonly replacement: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["malformed-number"], place, values, more),
  /** error: the string does not end on its line */
  unterminatedString: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unterminated-string"], place, values, more),
  /** error: `{escape}` is not an escape */
  unknownEscape: (place: Place, values: { readonly escape: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unknown-escape"], place, values, more),
  /** error: the comment does not end */
  unterminatedComment: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unterminated-comment"], place, values, more),
  /** error: `{open}` is never closed */
  unclosedBracket: (place: Place, values: { readonly open: string | number; readonly close: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["unclosed-bracket"], place, values, more),
  /** error: `{close}` closes nothing */
  mismatchedBracket: (place: Place, values: { readonly close: string | number; readonly hint: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["mismatched-bracket"], place, values, more),
  /** error: the {what} is nested more than {limit} levels deep */
  tooDeeplyNested: (place: Place, values: { readonly what: string | number; readonly limit: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["too-deeply-nested"], place, values, more),
  /** error: the value of this expression is not used */
  expressionStatement: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["expression-statement"], place, values, more),
  /** error: `<-` assigns to a whole state or parameter */
  invalidAssignmentTarget: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["invalid-assignment-target"], place, values, more),
  /** error: `{prefix}` needs parentheses after `{operator}` */
  parenthesesNeeded: (place: Place, values: { readonly prefix: string | number; readonly operator: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["parentheses-needed"], place, values, more),
  /** error: comparisons do not chain */
  chainedComparison: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["chained-comparison"], place, values, more),
  /** error: a positional argument follows a named one */
  positionalAfterNamed: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["positional-after-named"], place, values, more),
  /** error: expected a declaration, found {found} */
  missingDeclaration: (place: Place, values: { readonly found: string | number; readonly nearest: string | number | undefined }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-declaration"], place, values, more),
  /** error: {kind} `{name}` has one list of parameters but needs two */
  missingInputs: (place: Place, values: { readonly kind: string | number; readonly name: string | number; readonly second: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-inputs"], place, values, more),
  /** error: optimizer `{name}` has no `update` */
  optimizerWithoutUpdate: (place: Place, values: { readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["optimizer-without-update"], place, values, more),
  /** error: optimizer `{name}` has `{procedure}` twice */
  duplicateProcedure: (place: Place, values: { readonly name: string | number; readonly procedure: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["duplicate-procedure"], place, values, more),
  /** error: {role} `{name}` has no initial value */
  missingInitialValue: (place: Place, values: { readonly role: string | number; readonly name: string | number }, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["missing-initial-value"], place, values, more),
  /** error: `scan` is not available yet */
  scanNotAvailable: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["scan-not-available"], place, values, more),
  /** error: hand-written derivatives are not available yet */
  gradientNotAvailable: (place: Place, values: Readonly<Record<never, never>>, more?: Occurrence): Diagnostic =>
    makeDiagnostic(catalogue["gradient-not-available"], place, values, more),
};
