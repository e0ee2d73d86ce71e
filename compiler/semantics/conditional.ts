/**
 * `if c then a else b`: taken at build time where c is static. Where c depends on axes alone, only the taken
 * side's loads are executed; where it depends on data, both sides are read and loads out of range give 0.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { always, and, not, or } from "../graph/condition.ts";
import type { ConditionalExpression, Expression } from "../syntax/ast.ts";
import { applyScalarFunction } from "./arithmetic.ts";
import { evaluate } from "./evaluate.ts";
import { type Environment, report } from "./session.ts";
import { describe, type ElementValue, errorValue, type Value } from "./values.ts";

/** A static truth value, or nothing after an error. */
export function evaluateStatic(condition: Expression, env: Environment): boolean | undefined {
  return staticTruth(evaluate(condition, env), condition, env);
}

/** The same of a condition's value. */
export function staticTruth(
  value: Value,
  condition: Expression,
  env: Environment,
): boolean | undefined {
  if (value.kind === "bool") return value.value;
  if (value.kind === "error") return undefined;
  if (value.kind === "tensor" || value.kind === "element") {
    report(env, diagnostics.dynamicCondition(condition.span, { found: describe(value) }));
  } else {
    report(
      env,
      diagnostics.wrongType(condition.span, {
        what: "a condition",
        expected: "true or false",
        found: describe(value),
      }),
    );
  }
  return undefined;
}

export function evaluateConditional(expression: ConditionalExpression, env: Environment): Value {
  const condition = evaluate(expression.condition, env);
  switch (condition.kind) {
    case "bool":
      return evaluate(condition.value ? expression.then : expression.otherwise, env);
    case "tensor":
    case "element": {
      const then = evaluate(expression.then, env);
      const otherwise = evaluate(expression.otherwise, env);
      const operation = { fn: "select", name: "if", span: expression.span } as const;
      const chosen = applyScalarFunction(env, operation, [
        { value: condition, span: expression.condition.span },
        { value: then, span: expression.then.span },
        { value: otherwise, span: expression.otherwise.span },
      ]);
      return chosen.kind === "element"
        ? { ...chosen, inRange: executedInRange(condition, then, otherwise) }
        : chosen;
    }
    case "error":
      return errorValue;
    default:
      return report(
        env,
        diagnostics.wrongType(expression.condition.span, {
          what: "a condition",
          expected: "true or false",
          found: describe(condition),
        }),
      );
  }
}

function executedInRange(condition: Value, then: Value, otherwise: Value): ElementValue["inRange"] {
  const rangeOf = (value: Value) => (value.kind === "element" ? value.inRange : always);
  if (condition.kind !== "element") return always;
  if (condition.condition === null) return condition.inRange;
  return or(
    and(condition.condition, rangeOf(then)),
    and(not(condition.condition), rangeOf(otherwise)),
  );
}
