import { expect, test } from "vitest";
import * as k from "../../compiler/kernel/build.ts";
import { withCanonicalNames } from "../../compiler/kernel/canonical-names.ts";
import type { Kernel } from "../../compiler/kernel/ir.ts";
import { printKernelContent } from "../../compiler/kernel/print.ts";

/** y[i] = scale · x[i], under names of one's choice. */
function scaleKernel(x: string, y: string, index: string, operation: typeof k.add): Kernel {
  const value = k.load(k.place(x, k.variable(index)), k.f32);
  return {
    name: "scale",
    comment: { lines: [], sources: [], flops: 0, bytes: 0 },
    parameters: [
      { kind: "window", name: x, dtype: "f32", access: "read", elements: 8 },
      { kind: "window", name: y, dtype: "f32", access: "write", elements: 8 },
    ],
    tasks: k.constant(1),
    threads: 1,
    body: [
      { kind: "comment", text: `from ${x}` },
      k.loop(index, k.constant(0), k.constant(8), [
        { kind: "let", name: `${y}_value`, value: operation(value, k.constant(2, "f32")) },
        k.store(k.place(y, k.variable(index)), k.variable(`${y}_value`, k.f32)),
      ]),
    ],
  };
}

const content = (kernel: Kernel) => printKernelContent(withCanonicalNames(kernel));

test("kernels that differ in names alone are equal", () => {
  const first = scaleKernel("dense", "dense_out", "i", k.multiply);
  const second = scaleKernel("dense_1", "dense_1_out", "j", k.multiply);
  expect(content(first)).toBe(content(second));
});

test("names that look like operations hide no difference", () => {
  const first = scaleKernel("add", "y", "i", k.add);
  const second = scaleKernel("multiply", "y", "i", k.multiply);
  expect(content(first)).not.toBe(content(second));
});

test("which parameter is read matters", () => {
  const kernel = scaleKernel("x", "y", "i", k.multiply);
  const [x, y] = kernel.parameters;
  expect(content({ ...kernel, parameters: [y!, x!] })).not.toBe(content(kernel));
});
