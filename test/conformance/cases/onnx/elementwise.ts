/** Operators that act on elements: functions of one number, arithmetic with broadcasting, comparisons, choices. */

import type { NodeCall, Rule, Rules, Value } from "./rule.ts";
import { broadcastShape } from "./shape-arithmetic.ts";

const unary =
  (body: (x: string, call: NodeCall) => string, dtype?: Value["dtype"]): Rule =>
  (call) => {
    const x = call.input(0);
    return [call.define(body(x.expression, call), x.shape, dtype ?? x.dtype)];
  };

const named = {
  Abs: "abs",
  Tanh: "tanh",
  Exp: "exp",
};

const binary =
  (body: (a: string, b: string) => string): Rule =>
  (call) => {
    const [a, b] = [call.input(0), call.input(1)];
    const shape = broadcastShape(a.shape, b.shape);
    return [call.define(body(a.expression, b.expression), shape, a.dtype)];
  };

export const elementwiseRules: Rules = {
  ...Object.fromEntries(Object.entries(named).map(([op, fn]) => [op, unary((x) => `${fn}(${x})`)])),
  Relu: unary((x) => `relu(${x})`),
  Add: binary((a, b) => `${a} + ${b}`),
  Mul: binary((a, b) => `${a} * ${b}`),
  Sub: binary((a, b) => `${a} - ${b}`),
};
