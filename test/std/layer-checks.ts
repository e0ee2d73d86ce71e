/** Layers of the library as models of one expression: their values, shapes, and derivatives by finite differences. */

import { expect } from "vitest";
import { reachableNodes } from "../../compiler/graph/context.ts";
import { printExtent } from "../../compiler/graph/extent.ts";
import type { LeafRole, Value } from "../../compiler/graph/node.ts";
import { checkDerivatives } from "../autodiff/check-gradient.ts";
import { lowerSound, lowerText } from "../semantics/lowering.ts";
import { graphsOf, run, type Tensors } from "../semantics/run-program.ts";

/** Types of inputs by name: `{ x: "f32[N, 3]" }`. */
export type Inputs = Readonly<Record<string, string>>;

/** A model M whose output y is an expression of the inputs. */
export function modelOf(inputs: Inputs, expression: string): string {
  return [
    "model M {",
    ...Object.entries(inputs).map(([name, type]) => `  input ${name}: ${type}`),
    `  output y = ${expression}`,
    "}",
    "",
  ].join("\n");
}

/** The output's elements; params by path below M, those not given have their initial values. */
export function valuesOf(
  inputs: Inputs,
  expression: string,
  leaves: Tensors,
  n = 1,
  params: Tensors = {},
): number[] {
  const program = lowerSound(modelOf(inputs, expression));
  graphsOf(program);
  const paths = Object.entries(params).map(([path, data]) => [`M/${path}`, data]);
  const { results } = run(
    program,
    program.predict,
    { ...leaves, ...Object.fromEntries(paths) },
    { n },
  );
  return results.y!;
}

/** As many numbers, equal to ten digits behind the point. */
export function expectClose(found: readonly number[] | undefined, wanted: readonly number[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(found![i]).toBeCloseTo(value, 10);
}

/** `[N, 3, 4]` */
export function shapeOf(inputs: Inputs, expression: string): string {
  return `[${outputOf(inputs, expression).value.shape.map(printExtent).join(", ")}]`;
}

function outputOf(inputs: Inputs, expression: string) {
  const program = lowerSound(modelOf(inputs, expression));
  graphsOf(program);
  return { program, value: program.predict.results.find(({ name }) => name === "y")!.value };
}

const differentiated: ReadonlySet<LeafRole> = new Set(["input", "param"]);

/** Compares the derivatives by all inputs and params of floats with finite differences. */
export function checkLayer(inputs: Inputs, expression: string, n = 2, given: Tensors = {}): void {
  const { program, value } = outputOf(inputs, expression);
  const leaves = reachableNodes([value]).flatMap((node): Value[] => {
    if (node.kind !== "leaf" || !differentiated.has(node.role)) return [];
    return node.values.filter(({ dtype }) => dtype === "f32");
  });
  expect(leaves.length).toBeGreaterThan(0);
  checkDerivatives(program.context, value, leaves, n, given);
}

/** The messages of what is wrong with a model of that expression. */
export function faultsOf(inputs: Inputs, expression: string): string[] {
  return lowerText(modelOf(inputs, expression)).diagnostics.map(({ title }) => title);
}
