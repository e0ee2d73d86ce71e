/** Matrix products and their generalisation, the Einstein sum. */

import { NotExpressible } from "../case-program.ts";
import {
  element,
  float,
  isSet,
  notation,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  reduction,
  shapeOf,
  single,
  textIn,
} from "../case-rules.ts";
import { byFormula } from "./elementwise.ts";

/** `"...ij,...jk->...ik"` over named operands, dimensions of size 1 broadcast. */
function einsum(equation: string, operands: readonly string[], c: RuleCase): RuleResult {
  const [left, right] = equation.replaceAll(" ", "").split("->");
  const terms = left!.split(",");
  if (right === undefined || terms.length !== operands.length) {
    throw new NotExpressible(`the equation ${equation}`);
  }
  const extents = new Map<string, number>();
  let ellipsis = 0;
  const places = terms.map((term, i) => {
    const shape = shapeOf(c, operands[i]!);
    const spread = shape.length - term.replace("...", "").length;
    if (term.includes("...")) ellipsis = Math.max(ellipsis, spread);
    return { shape, spread, term };
  });
  const axis = (letter: string) => `i_${letter}`;
  // Ellipses are aligned at their ends.
  const expand = (term: string, spread: number): string[] => {
    const names = Array.from({ length: spread }, (_, i) => `e${ellipsis - spread + i}`);
    const [before, after] = term.split("...");
    const letters = (text: string | undefined) => [...(text ?? "")].map(axis);
    return term.includes("...") ? [...letters(before), ...names, ...letters(after)] : letters(term);
  };
  const loads = places.map(({ shape, spread, term }, i) => {
    const axes = expand(term, spread);
    axes.forEach((name, dimension) => {
      extents.set(name, Math.max(extents.get(name) ?? 1, shape[dimension]!));
    });
    return { operand: operands[i]!, axes, shape };
  });
  const kept = expand(right, ellipsis);
  const summed = [...extents.keys()].filter((name) => !kept.includes(name));
  const factors = loads.map(({ operand, axes, shape }) =>
    element(
      operand,
      axes.map((name, i) => (shape[i] === 1 && extents.get(name)! > 1 ? "0" : name)),
    ),
  );
  const sizes = (names: readonly string[]) => names.map((name) => extents.get(name)!);
  const body = reduction("sum", summed, sizes(summed), factors.join(" * "));
  return single("product", [notation("product", kept, sizes(kept), body)]);
}

const letters = "abcdefghij";

export const productRules: RuleTable = {
  einsum: (c) => einsum(textIn(c, "equation", ""), [...c.inputs.keys()], c),
  // NumPy's rules: vectors are rows or columns, leading dimensions broadcast.
  matmul: (c) => {
    const [a, b] = c.inputs.keys();
    const isVector = (name: string) => shapeOf(c, name).length === 1;
    const left = isVector(a!) ? "k" : "...mk";
    const right = isVector(b!) ? "k" : "...kn";
    const result = `${isVector(a!) && isVector(b!) ? "" : "..."}${isVector(a!) ? "" : "m"}${isVector(b!) ? "" : "n"}`;
    return einsum(`${left},${right}->${result}`, [a!, b!], c);
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
    const product = einsum("ni,oij,nj->no", ["x1", "w", "x2"], c);
    return c.inputs.has("b") ? single("product + b", product.statements ?? []) : product;
  },
  dense: (c) => {
    if (!c.inputs.has("w")) return byFormula(c);
    const rank = shapeOf(c, "x").length;
    const product = einsum(
      `${letters.slice(0, rank - 1)}y,yz->${letters.slice(0, rank - 1)}z`,
      ["x", "w"],
      c,
    );
    return c.inputs.has("b") ? single("product + b", product.statements ?? []) : product;
  },
};
