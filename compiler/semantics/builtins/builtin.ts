/** What a function of the compiler's own looks like. Whatever the language can say is in std/*.nn instead. */

import type { Span } from "../../diagnostics/diagnostic.ts";
import type { EvaluatedArgument, Slot } from "../arguments.ts";
import type { Operand } from "../arithmetic.ts";
import type { Environment } from "../session.ts";
import { noneValue, type Value } from "../values.ts";

export interface Builtin {
  readonly name: string;
  readonly parameters: readonly Slot[];
  /** Whether it takes arguments by other names as well. */
  readonly takesOthers?: boolean;
  /** For the reference page. */
  readonly doc: string;
  readonly call: (call: BuiltinCall) => Value;
}

/** A call whose arguments match the parameters; their values are still of any kind. */
export interface BuiltinCall {
  readonly env: Environment;
  readonly span: Span;
  readonly name: string;
  readonly arguments: ReadonlyMap<string, EvaluatedArgument>;
  /** Arguments by other names. */
  readonly others: readonly EvaluatedArgument[];
}

export function required(name: string): Slot {
  return { name, isRequired: true };
}

export function optional(name: string): Slot {
  return { name, isRequired: false };
}

/** The argument, or `none` at the call's span. */
export function argument(call: BuiltinCall, name: string): Operand {
  return call.arguments.get(name) ?? { value: noneValue, span: call.span };
}
