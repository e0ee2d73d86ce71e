/** WGSL text for machines: what only people need is left out. */

import type { WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";

/** The same program without comments, indentation and empty lines. */
export function compactWgsl(program: WgslProgram): WgslProgram {
  const functions = Object.entries(program.functions).map(([name, text]) => [
    name,
    compactText(text),
  ]);
  const kernels = program.kernels.map((kernel) => ({
    ...kernel,
    code: compactText(kernel.code),
    ...(kernel.withSubgroups === undefined
      ? {}
      : {
          withSubgroups: {
            ...kernel.withSubgroups,
            code: compactText(kernel.withSubgroups.code),
          },
        }),
  }));
  return { ...program, functions: Object.fromEntries(functions), kernels };
}

/**
 * WGSL has no text literals, so `//` begins a comment wherever it stands, unless within a comment of the other kind:
 * text that has those is left alone (https://www.w3.org/TR/WGSL/#comments). Line breaks stay, as they may be what
 * separates two words.
 */
export function compactText(text: string): string {
  if (text.includes("/*")) return text;
  const lines = text.split("\n").map((line) => line.replace(/\/\/.*/, "").trim());
  return lines.filter((line) => line !== "").join("\n");
}
