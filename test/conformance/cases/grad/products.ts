/** Matrix products and their generalisation, the Einstein sum. */

import {
  float,
  isSet,
  notation,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
  textIn,
} from "../case-rules.ts";
import { einsum } from "../einsum.ts";
import { byFormula } from "./elementwise.ts";

/** The Einstein sum over inputs of the case. */
function contracted(equation: string, operands: readonly string[], c: RuleCase): RuleResult {
  const shaped = operands.map((name) => ({ name, shape: shapeOf(c, name) }));
  const { axes, sizes, body } = einsum(equation, shaped);
  return single("product", [notation("product", axes, sizes, body)]);
}

const letters = "abcdefghij";

export const productRules: RuleTable = {
  einsum: (c) => contracted(textIn(c, "equation", ""), [...c.inputs.keys()], c),
  // NumPy's rules: vectors are rows or columns, leading dimensions broadcast.
  matmul: (c) => {
    const [a, b] = c.inputs.keys();
    const isVector = (name: string) => shapeOf(c, name).length === 1;
    const left = isVector(a!) ? "k" : "...mk";
    const right = isVector(b!) ? "k" : "...kn";
    const result = `${isVector(a!) && isVector(b!) ? "" : "..."}${isVector(a!) ? "" : "m"}${isVector(b!) ? "" : "n"}`;
    return contracted(`${left},${right}->${result}`, [a!, b!], c);
  },
  gemm: (c) => {
    const a = isSet(c, "trans_a") ? "transpose(a)" : "a";
    const b = isSet(c, "trans_b") ? "transpose(b)" : "b";
    const product = `${float(numberIn(c, "alpha", 1))} * (${a} @ ${b})`;
    return single(
      c.inputs.has("c") ? `${product} + ${float(numberIn(c, "beta", 1))} * c` : product,
    );
  },
  bilinear: (c) => {
    const product = contracted("ni,oij,nj->no", ["x1", "w", "x2"], c);
    return c.inputs.has("b") ? single("product + b", product.statements ?? []) : product;
  },
  dense: (c) => {
    if (!c.inputs.has("w")) return byFormula(c);
    const rank = shapeOf(c, "x").length;
    const product = contracted(
      `${letters.slice(0, rank - 1)}y,yz->${letters.slice(0, rank - 1)}z`,
      ["x", "w"],
      c,
    );
    return c.inputs.has("b") ? single("product + b", product.statements ?? []) : product;
  },
};
