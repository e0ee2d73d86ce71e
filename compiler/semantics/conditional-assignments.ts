/**
 * Assignments that hold only on some steps: `if` on a number of the step in an optimizer. Both sides are computed, as
 * in any elementwise choice; what is assigned, and names of before that are bound anew, take the one or the other.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { axisAffine } from "../graph/affine.ts";
import type { Value as GraphValue, Scalar } from "../graph/node.ts";
import { applyScalarFunction } from "./arithmetic.ts";
import { Scope } from "./scope.ts";
import { type Environment, report } from "./session.ts";
import { describe, listValue, type TensorValue, tensorValue, type Value } from "./values.ts";

/** Runs both, each from the same state of the pass; every cell then holds what the side of the condition gave it. */
export function assignWhere(
  env: Environment,
  condition: GraphValue,
  then: () => void,
  otherwise: () => void = () => {},
): void {
  const { assigned } = env.pass;
  const before = new Map(assigned);
  then();
  const chosen = new Map(assigned);
  assigned.clear();
  for (const [target, value] of before) assigned.set(target, value);
  otherwise();
  for (const target of new Set([...chosen.keys(), ...assigned.keys()])) {
    const start = before.get(target) ?? target;
    const [yes, no] = [chosen.get(target) ?? start, assigned.get(target) ?? start];
    assigned.set(target, yes === no ? yes : select(env, condition, yes, no));
  }
}

function select(
  env: Environment,
  condition: GraphValue,
  yes: GraphValue,
  no: GraphValue,
): GraphValue {
  const { context } = env.session;
  const at = (value: GraphValue): Scalar =>
    context.load(
      value,
      value.shape.map((_, axis) => axisAffine(axis)),
    );
  const body = context.call("select", context.load(condition, []), at(yes), at(no));
  return context.compute({ parallel: yes.shape, body }).values[0]!;
}

/** The two blocks of an `if`; names that are first bound in one of them are known there alone. */
export function runConditionally(
  env: Environment,
  { value: condition }: TensorValue,
  span: Span,
  then: (env: Environment) => void,
  otherwise: (env: Environment) => void,
): void {
  const [first, second] = [new Scope(env.scope), new Scope(env.scope)];
  assignWhere(
    env,
    condition,
    () => then({ ...env, scope: first }),
    () => otherwise({ ...env, scope: second }),
  );
  const bound = new Set([...first.own().keys(), ...second.own().keys()]);
  for (const name of env.scope.names()) {
    if (!bound.has(name)) continue;
    const binding = env.scope.get(name)!;
    const { cell } = binding;
    const value =
      cell === undefined
        ? choose(env, condition, first.get(name)!.value, second.get(name)!.value, name, span)
        : tensorValue(env.pass.assigned.get(cell) ?? cell);
    env.scope.rebind(name, { ...binding, value });
  }
}

function choose(
  env: Environment,
  condition: GraphValue,
  yes: Value,
  no: Value,
  name: string,
  span: Span,
): Value {
  if (yes === no) return yes;
  if (yes.kind === "list" && no.kind === "list" && yes.items.length === no.items.length) {
    const items = yes.items.map((item, i) =>
      choose(env, condition, item, no.items[i]!, name, span),
    );
    return listValue(items, yes.isTuple);
  }
  const isNumber = ({ kind }: Value) => kind === "tensor" || kind === "int" || kind === "float";
  if (isNumber(yes) && isNumber(no)) {
    return applyScalarFunction(env, { fn: "select", name: "if", span }, [
      { value: tensorValue(condition), span },
      { value: yes, span },
      { value: no, span },
    ]);
  }
  if (yes.kind === "error" || no.kind === "error") return { kind: "error" };
  const values = {
    what: `\`${name}\` after this \`if\``,
    expected: describe(no),
    found: describe(yes),
  };
  return report(env, diagnostics.wrongType(span, values));
}
