/** The Einstein sum over named operands, in index notation. */

import { NotExpressible } from "./case-program.ts";
import { element, reduction } from "./case-rules.ts";

export interface Operand {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface EinsumText {
  /** Axes of the result, with their sizes. */
  readonly axes: readonly string[];
  readonly sizes: readonly number[];
  readonly body: string;
}

/**
 * `"...ij,...jk->...ik"`; dimensions of size 1 broadcast. Without an arrow the result has the letters that stand once, in
 * the order of the alphabet.
 */
export function einsum(equation: string, operands: readonly Operand[]): EinsumText {
  const [left, given] = equation.replaceAll(" ", "").split("->");
  const terms = left!.split(",");
  const right = given ?? impliedResult(left!);
  if (terms.length !== operands.length) throw new NotExpressible(`the equation ${equation}`);
  const extents = new Map<string, number>();
  let ellipsis = 0;
  const places = terms.map((term, i) => {
    const operand = operands[i]!;
    const spread = operand.shape.length - term.replace("...", "").length;
    if (term.includes("...")) ellipsis = Math.max(ellipsis, spread);
    return { operand, spread, term };
  });
  const axis = (letter: string) => `i_${letter}`;
  // Ellipses are aligned at their ends.
  const expand = (term: string, spread: number): string[] => {
    const names = Array.from({ length: spread }, (_, i) => `e${ellipsis - spread + i}`);
    const [before, after] = term.split("...");
    const letters = (text: string | undefined) => [...(text ?? "")].map(axis);
    return term.includes("...") ? [...letters(before), ...names, ...letters(after)] : letters(term);
  };
  const loads = places.map(({ operand, spread, term }) => {
    const axes = expand(term, spread);
    axes.forEach((name, dimension) => {
      extents.set(name, Math.max(extents.get(name) ?? 1, operand.shape[dimension]!));
    });
    return { operand, axes };
  });
  const axes = expand(right, ellipsis);
  const summed = [...extents.keys()].filter((name) => !axes.includes(name));
  const factors = loads.map(({ operand: { name, shape }, axes: own }) =>
    element(
      name,
      own.map((each, i) => (shape[i] === 1 && extents.get(each)! > 1 ? "0" : each)),
    ),
  );
  const sizesOf = (names: readonly string[]) => names.map((name) => extents.get(name)!);
  const body = reduction("sum", summed, sizesOf(summed), factors.join(" * "));
  return { axes, sizes: sizesOf(axes), body };
}

function impliedResult(terms: string): string {
  const letters = [...terms.replace(/[^A-Za-z]/g, "")];
  const single = letters.filter(
    (letter) => letters.indexOf(letter) === letters.lastIndexOf(letter),
  );
  return `${terms.includes("...") ? "..." : ""}${single.sort().join("")}`;
}
