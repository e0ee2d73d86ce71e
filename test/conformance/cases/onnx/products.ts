/** Matrix products and their generalisation, the Einstein sum. */

import { float } from "../case-rules.ts";
import { einsum } from "../einsum.ts";
import { BadOnnxFile } from "./model.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { transposed } from "./shape-arithmetic.ts";

/** NumPy's rules: vectors are rows or columns, leading dimensions broadcast. */
function contracted(call: NodeCall, equation: string): readonly Value[] {
  const operands = call.inputs.map((_, i) => {
    const { expression, shape } = call.input(i);
    return { name: expression, shape };
  });
  const { axes, sizes, body } = einsum(equation, operands);
  return [
    call.indexed(sizes, (own) =>
      axes.reduce(
        (text, axis, i) => text.replaceAll(new RegExp(`\\b${axis}\\b`, "g"), own[i]!),
        body,
      ),
    ),
  ];
}

function matMul(call: NodeCall): readonly Value[] {
  const [a, b] = [call.input(0), call.input(1)];
  const [m, n] = [a.shape.length > 1 ? "m" : "", b.shape.length > 1 ? "n" : ""];
  const inner = [a.shape.at(-1), b.shape.at(-2) ?? b.shape[0]];
  if (inner[0] !== inner[1]) throw new BadOnnxFile(`MatMul over ${inner.join(" and ")}`);
  if (b.shape.length === 2 && m !== "") {
    return [
      call.define(`${a.expression} @ ${b.expression}`, [...a.shape.slice(0, -1), b.shape[1]!]),
    ];
  }
  const dots = (value: string) => (value === "" ? "" : "...");
  const result = `${m === "" && n === "" ? "" : "..."}${m}${n}`;
  return contracted(call, `${dots(m)}${m}k,${dots(n)}k${n}->${result}`);
}

function gemm(call: NodeCall): readonly Value[] {
  const turned = (index: number, attribute: string) =>
    call.int(attribute, 0) === 0 ? call.input(index) : transposed(call, call.input(index), [1, 0]);
  const [a, b] = [turned(0, "transA"), turned(1, "transB")];
  const c = call.inputs[2];
  const factor = (name: string) => {
    const value = call.float(name, 1);
    return value === 1 ? "" : `${float(value)} * `;
  };
  const product = `${factor("alpha")}(${a.expression} @ ${b.expression})`;
  const shape = [a.shape[0]!, b.shape[1]!];
  return [
    call.define(c === undefined ? product : `${product} + ${factor("beta")}${c.expression}`, shape),
  ];
}

export const productRules: Rules = {
  MatMul: matMul,
  Gemm: gemm,
  Einsum: (call) => contracted(call, call.string("equation")),
};
