/** Operators: arithmetic through the table of scalar functions, matrix products, and tests of static values. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { printExtent, sameExtent } from "../graph/extent.ts";
import type { ScalarFunctionName } from "../graph/scalar-functions.ts";
import type { BinaryExpression, BinaryOperator, UnaryExpression } from "../syntax/ast.ts";
import { applyScalarFunction, broadcast, type Operand, shapeLabels } from "./arithmetic.ts";
import { convertTensor } from "./conversions.ts";
import { promote } from "./dtypes.ts";
import { evaluate } from "./evaluate.ts";
import { keepMask } from "./masks.ts";
import { type Environment, report } from "./session.ts";
import { matrixProduct } from "./tensors/reduce.ts";
import {
  boolValue,
  describe,
  errorValue,
  floatValue,
  intValue,
  listValue,
  tensorValue,
  type Value,
} from "./values.ts";

export function evaluateUnary(expression: UnaryExpression, env: Environment): Value {
  const value = evaluate(expression.operand, env);
  // -0.0 and -5 stay literals.
  if (expression.operator === "-" && value.kind === "int") return intValue(-value.value + 0);
  if (expression.operator === "-" && value.kind === "float") return floatValue(-value.value);
  const fn = expression.operator === "-" ? "negate" : "logicalNot";
  const operation = { fn, name: expression.operator, span: expression.span } as const;
  return applyScalarFunction(env, operation, [{ value, span: expression.operand.span }]);
}

/** Each operator's row, and whether its operands change places. */
const rows: Readonly<Partial<Record<BinaryOperator, readonly [ScalarFunctionName, boolean]>>> = {
  or: ["logicalOr", false],
  and: ["logicalAnd", false],
  "==": ["equal", false],
  "!=": ["notEqual", false],
  "<": ["less", false],
  "<=": ["lessEqual", false],
  ">": ["less", true],
  ">=": ["lessEqual", true],
  "+": ["add", false],
  "-": ["subtract", false],
  "*": ["multiply", false],
  "/": ["divide", false],
  "%": ["modulo", false],
  "^": ["power", false],
};

export function evaluateBinary(expression: BinaryExpression, env: Environment): Value {
  const { operator } = expression;
  const left = { value: evaluate(expression.left, env), span: expression.left.span };
  // Static tests guard what stands right of them.
  if (operator === "and" && left.value.kind === "bool" && !left.value.value) return left.value;
  if (operator === "or" && left.value.kind === "bool" && left.value.value) return left.value;
  const right = { value: evaluate(expression.right, env), span: expression.right.span };
  if (left.value.kind === "error" || right.value.kind === "error") return errorValue;
  if (operator === "@") return evaluateMatrixProduct(expression, env, left, right);
  if (operator === "==" || operator === "!=") {
    const same = sameStatic(left.value, right.value);
    if (same !== undefined) return boolValue(same === (operator === "=="));
  }
  if (operator === "+" && left.value.kind === "list" && right.value.kind === "list") {
    return listValue([...left.value.items, ...right.value.items], left.value.isTuple);
  }
  if (operator === "+" && left.value.kind === "string" && right.value.kind === "string") {
    return { kind: "string", value: left.value.value + right.value.value };
  }
  return applyOperator(env, expression, left, right);
}

function applyOperator(
  env: Environment,
  { operator, operatorSpan }: BinaryExpression,
  left: Operand,
  right: Operand,
): Value {
  const [fn, isSwapped] = rows[operator]!;
  const operation = { fn, name: operator, span: operatorSpan };
  if (operator === "^" && right.value.kind === "int") {
    const isData = left.value.kind === "tensor" || left.value.kind === "element";
    // x^2 is a product, of integers too.
    if (isData && right.value.value === 2) {
      return applyScalarFunction(env, { ...operation, fn: "square" }, [left]);
    }
    if (isData && right.value.value === 1) return left.value;
  }
  return applyScalarFunction(env, operation, isSwapped ? [right, left] : [left, right]);
}

const numeric = new Set(["int", "float", "bool", "extent", "tensor", "element"]);

/** Whether two static values are the same; undefined where both are numbers or tensors. */
function sameStatic(a: Value, b: Value): boolean | undefined {
  if (numeric.has(a.kind) && numeric.has(b.kind)) return undefined;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "none":
      return true;
    case "string":
      return b.kind === "string" && a.value === b.value;
    case "list":
      return (
        b.kind === "list" &&
        a.items.length === b.items.length &&
        a.items.every((item, i) => sameItem(item, b.items[i]!))
      );
    case "function":
    case "layer":
    case "template":
      return "declaration" in b && a.declaration === b.declaration;
    case "builtin":
      return b.kind === "builtin" && a.builtin === b.builtin;
    case "instance":
      return b.kind === "instance" && a.instance === b.instance;
    default:
      return false;
  }
}

function sameItem(a: Value, b: Value): boolean {
  const same = sameStatic(a, b);
  if (same !== undefined) return same;
  return "value" in a && "value" in b && a.value === b.value;
}

/** `a @ b`: over the last axis of a and the first of a matrix b; with more dimensions as NumPy's matmul. */
function evaluateMatrixProduct(
  { span, operatorSpan }: BinaryExpression,
  env: Environment,
  left: Operand,
  right: Operand,
): Value {
  for (const { value, span: place } of [left, right]) {
    if (value.kind !== "tensor" || value.value.shape.length === 0) {
      return report(env, diagnostics.matrixOperand(place, { found: describe(value) }));
    }
  }
  if (left.value.kind !== "tensor" || right.value.kind !== "tensor") return errorValue;
  const common = promote(left.value.value.dtype, right.value.value.dtype);
  const dtype = common === "bool" || common === "u8" ? "i32" : common;
  const a = convertTensor(env, left.value, dtype);
  const b = convertTensor(env, right.value, dtype);
  const inner = Math.max(0, b.value.shape.length - 2);
  const [aInner, bInner] = [a.value.shape.at(-1)!, b.value.shape[inner]!];
  if (!sameExtent(aInner, bInner)) {
    const labels = [
      ...shapeLabels([{ value: left.value, span: left.span }], ({ sources }) => sources.length - 1),
      ...shapeLabels([{ value: right.value, span: right.span }], () => inner),
    ];
    const values = { left: printExtent(aInner), right: printExtent(bInner) };
    return report(env, diagnostics.innerDimensions(operatorSpan, values, { labels }));
  }
  const leading = (tensor: typeof a, keep: number) => ({
    span,
    value: tensorValue(
      { ...tensor.value, shape: tensor.value.shape.slice(0, -keep) },
      tensor.sources.slice(0, -keep),
    ),
  });
  // The rows of a matrix b serve every leading index of a, which then needs no broadcasting.
  const isMatrix = b.value.shape.length <= 2;
  const batch = isMatrix
    ? { extents: a.value.shape.slice(0, -2), sources: a.sources.slice(0, -2) }
    : broadcast(
        env,
        a.value.shape.length > 1 ? [leading(a, 2), leading(b, 2)] : [leading(b, 2)],
        "@",
        span,
      );
  if (batch === undefined) return errorValue;
  const value = matrixProduct(env.session.context, a.value, b.value, batch.extents);
  const columns = b.value.shape.length > 1 ? b.sources.slice(-1) : [];
  const result = tensorValue(value, [...batch.sources, ...a.sources.slice(-2, -1), ...columns]);
  const sumsMasked = (a.mask?.shape.length ?? 0) === a.value.shape.length;
  return sumsMasked ? result : keepMask(result, [a]);
}
