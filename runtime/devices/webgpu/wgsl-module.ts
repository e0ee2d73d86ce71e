/** The text of a kernel's module, from the parts that a program holds. */

import type { WgslFeature, WgslKernel, WgslProgram } from "./wgsl-program.ts";

/**
 * Directives, the functions that the kernel uses, and its code.
 * @param features Those of the device; with subgroups it is the kernel's variant for them, if there is one.
 */
export function wgslModule(
  { functions }: Pick<WgslProgram, "functions">,
  kernel: WgslKernel,
  features: ReadonlySet<string>,
): string {
  const variant = features.has("subgroups") ? kernel.withSubgroups : undefined;
  const { uses, code } = variant ?? kernel;
  const required = new Set(kernel.requires);
  if (variant !== undefined) required.add("subgroups");
  const parts = uses.map((name) => {
    const text = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (text === undefined) throw new RangeError(`kernel ${kernel.name} uses no function ${name}`);
    return text;
  });
  const enabled = [...required].map((feature) => `enable ${directives[feature]};`);
  return `${[...enabled, ...parts, code].join("\n")}\n`;
}

const directives: Readonly<Record<WgslFeature, string>> = {
  subgroups: "subgroups",
  "shader-f16": "f16",
};
