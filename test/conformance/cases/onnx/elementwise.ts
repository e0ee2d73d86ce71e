/** Operators that act on elements: functions of one number, arithmetic with broadcasting, comparisons, choices. */

import { NotExpressible } from "../case-program.ts";
import { float } from "../case-rules.ts";
import { BadOnnxFile, dtypeOf } from "./model.ts";
import type { NodeCall, Rule, Rules, Value } from "./rule.ts";
import { axisFromStart, broadcastShape, reshaped } from "./shape-arithmetic.ts";

const unary =
  (body: (x: string, call: NodeCall) => string, dtype?: Value["dtype"]): Rule =>
  (call) => {
    const x = call.input(0);
    return [call.define(body(x.expression, call), x.shape, dtype ?? x.dtype)];
  };

/** Functions of the library, by what ONNX calls them. */
const functions: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...["Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf"],
      ...["Exp", "Floor", "Log", "Mish", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin"],
      ...["Sinh", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh"],
    ].map((name) => [name, name.toLowerCase()]),
  ),
  HardSwish: "hard_swish",
};

const number = (call: NodeCall, name: string, fallback: number): string =>
  float(call.float(name, fallback));

const activations: Rules = {
  Elu: unary((x, call) => `elu(${x}, ${number(call, "alpha", 1)})`),
  Celu: unary((x, call) => `celu(${x}, ${number(call, "alpha", 1)})`),
  Selu: unary((x, call) =>
    call.has("alpha") || call.has("gamma")
      ? `${number(call, "gamma", 1.0507009873554805)} * elu(${x}, ${number(call, "alpha", 1.6732632423543772)})`
      : `selu(${x})`,
  ),
  Gelu: unary((x, call) =>
    call.string("approximate", "none") === "tanh" ? `gelu(${x}, approximate = true)` : `gelu(${x})`,
  ),
  LeakyRelu: unary((x, call) => `leaky_relu(${x}, ${number(call, "alpha", 0.01)})`),
  ThresholdedRelu: unary((x, call) => `threshold(${x}, ${number(call, "alpha", 1)}, 0.0)`),
  HardSigmoid: unary(
    (x, call) => `clip(${number(call, "alpha", 0.2)} * ${x} + ${number(call, "beta", 0.5)}, 0, 1)`,
  ),
  Swish: unary((x, call) => {
    const alpha = call.float("alpha", 1);
    return alpha === 1 ? `silu(${x})` : `${x} * sigmoid(${float(alpha)} * ${x})`;
  }),
  Shrink: unary((x, call) => {
    const [bound, bias] = [number(call, "lambd", 0.5), number(call, "bias", 0)];
    return `if ${x} < -${bound} then ${x} + ${bias} else (if ${x} > ${bound} then ${x} - ${bias} else 0.0)`;
  }),
  PRelu: (call) => {
    const x = call.input(0);
    const given = call.input(1);
    // Before version 7 the slopes are those of the channels, which come second.
    const isOfChannels = call.opset < 7 && given.shape.length === 1 && given.shape[0] !== 1;
    const slope = isOfChannels
      ? reshaped(call, given, [given.shape[0]!, ...x.shape.slice(2).map(() => 1)])
      : given;
    return [call.define(`leaky_relu(${x.expression}, ${slope.expression})`, x.shape, x.dtype)];
  },
};

/** The second operand of arithmetic before version 7 is put in place by attributes. */
function placed(call: NodeCall, a: Value, b: Value): Value {
  if (call.opset >= 7 || call.int("broadcast", 0) === 0 || !call.has("axis")) return b;
  const rank = a.shape.length;
  const behind = rank - axisFromStart(call.int("axis"), rank) - b.shape.length;
  return reshaped(call, b, [...b.shape, ...Array.from({ length: behind }, () => 1)]);
}

const binary =
  (body: (a: string, b: string, a0: Value, b0: Value) => string, dtype?: Value["dtype"]): Rule =>
  (call) => {
    const a = call.input(0);
    const b = placed(call, a, call.input(1));
    const shape = broadcastShape(a.shape, b.shape);
    const text = body(a.expression, b.expression, a, b);
    return [call.define(text, shape, dtype ?? a.dtype)];
  };

/** Integers are divided and their remainders taken towards zero by way of their magnitudes. */
const quotient = (a: string, b: string) =>
  `sign(${a}) * sign(${b}) * floor_divide(abs(${a}), abs(${b}))`;

const arithmetic: Rules = {
  Add: binary((a, b) => `${a} + ${b}`),
  Sub: binary((a, b) => `${a} - ${b}`),
  Mul: binary((a, b) => `${a} * ${b}`),
  Div: binary((a, b, { dtype }) => (dtype === "i32" ? quotient(a, b) : `${a} / ${b}`)),
  // The result has the type of the base, whatever that of the exponent.
  Pow: binary((a, b, base, exponent) =>
    base.dtype === "i32" && exponent.dtype === "f32" ? `i32(f32(${a}) ^ ${b})` : `${a} ^ ${b}`,
  ),
  Mod: (call) =>
    call.int("fmod", 0) === 1
      ? binary((a, b) => `sign(${a}) * mod(abs(${a}), abs(${b}))`)(call)
      : binary((a, b) => `mod(${a}, ${b})`)(call),
  And: binary((a, b) => `${a} and ${b}`, "bool"),
  Or: binary((a, b) => `${a} or ${b}`, "bool"),
  Xor: binary((a, b) => `${a} != ${b}`, "bool"),
  Equal: binary((a, b) => `${a} == ${b}`, "bool"),
  Less: binary((a, b) => `${a} < ${b}`, "bool"),
  LessOrEqual: binary((a, b) => `${a} <= ${b}`, "bool"),
  Greater: binary((a, b) => `${a} > ${b}`, "bool"),
  GreaterOrEqual: binary((a, b) => `${a} >= ${b}`, "bool"),
};

/** Any number of operands, broadcast together. */
const variadic =
  (join: (operands: readonly string[]) => string): Rule =>
  (call) => {
    const values = call.inputs.map((_, i) => call.input(i));
    const [first] = values;
    if (first === undefined) throw new BadOnnxFile(`${call.opType} of nothing`);
    if (values.length === 1) return values;
    const shape = broadcastShape(...values.map((value) => value.shape));
    const text = join(values.map(({ expression }) => expression));
    return [call.define(text, shape, first.dtype)];
  };

const nested = (fn: string) => (operands: readonly string[]) =>
  operands.reduce((joined, operand) => `${fn}(${joined}, ${operand})`);

/** What is left out bounds nothing; before version 11 the bounds are attributes. */
function clip(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const bound = (index: number, attribute: string): string | undefined => {
    if (call.opset < 11) {
      return call.has(attribute) ? float(call.float(attribute)) : undefined;
    }
    return call.inputs[index]?.expression;
  };
  const [low, high] = [bound(1, "min"), bound(2, "max")];
  const from = low === undefined ? x.expression : `maximum(${x.expression}, ${low})`;
  const text = high === undefined ? from : `minimum(${from}, ${high})`;
  return [call.define(text, x.shape, x.dtype)];
}

function isInf(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const isInfinite = `not is_finite(${x.expression}) and not is_nan(${x.expression})`;
  const negative = call.int("detect_negative", 1) === 1;
  const positive = call.int("detect_positive", 1) === 1;
  const sides = [
    ...(negative ? [`${x.expression} < 0`] : []),
    ...(positive ? [`${x.expression} > 0`] : []),
  ];
  const text =
    sides.length === 0
      ? `full([${x.shape.join(", ")}], false)`
      : `${isInfinite} and (${sides.join(" or ")})`;
  return [call.define(text, x.shape, "bool")];
}

/** A tensor in another type, unless it has it. */
function converted(call: NodeCall, x: Value, dtype: Value["dtype"]): readonly Value[] {
  return [x.dtype === dtype ? x : call.define(`${dtype}(${x.expression})`, x.shape, dtype)];
}

function where(call: NodeCall): readonly Value[] {
  const [condition, a, b] = [call.input(0), call.input(1), call.input(2)];
  const shape = broadcastShape(condition.shape, a.shape, b.shape);
  const text = `if ${condition.expression} then ${a.expression} else ${b.expression}`;
  return [call.define(text, shape, a.dtype)];
}

function bitwise(call: NodeCall): readonly Value[] {
  throw new NotExpressible(`${call.opType}: there are no operations on the bits of integers`);
}

export const elementwiseRules: Rules = {
  ...Object.fromEntries(
    Object.entries(functions).map(([op, fn]) => [op, unary((x) => `${fn}(${x})`)]),
  ),
  ...activations,
  ...arithmetic,
  Neg: unary((x) => `-${x}`),
  Not: unary((x) => `not ${x}`),
  IsNaN: unary((x) => `is_nan(${x})`, "bool"),
  IsInf: isInf,
  Max: variadic(nested("maximum")),
  Min: variadic(nested("minimum")),
  Sum: variadic((operands) => operands.join(" + ")),
  Mean: variadic((operands) => `(${operands.join(" + ")}) / ${operands.length}`),
  Clip: clip,
  Where: where,
  Cast: (call) => converted(call, call.input(0), dtypeOf(call.int("to"))),
  CastLike: (call) => converted(call, call.input(0), call.input(1).dtype),
  ...Object.fromEntries(
    ["BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"].map((op) => [op, bitwise]),
  ),
};
