/** The expressions directly below one, in order of the source. */

import type { Expression } from "../syntax/ast.ts";

export function childExpressions(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "number":
    case "string":
    case "boolean":
    case "none":
    case "identifier":
      return [];
    case "list":
    case "tuple":
      return expression.elements;
    case "call":
      return [expression.callee, ...expression.arguments.map(({ value }) => value)];
    case "index":
      return [
        expression.object,
        ...expression.items.flatMap((item): Expression[] => {
          if (item.kind === "ellipsis") return [];
          if (item.kind === "spread") return [item.list];
          if (item.kind !== "slice") return [item];
          return [item.start, item.stop, item.step].filter((part) => part !== null);
        }),
      ];
    case "member":
      return [expression.object];
    case "unary":
      return [expression.operand];
    case "binary":
      return [expression.left, expression.right];
    case "range":
      return [expression.start, expression.stop];
    case "pipe":
      return [expression.value, expression.target];
    case "conditional":
      return [expression.condition, expression.then, expression.otherwise];
    case "reduce":
      return [
        ...expression.axes.flatMap(({ extent }) => (extent === null ? [] : [extent])),
        expression.term,
      ];
  }
}
