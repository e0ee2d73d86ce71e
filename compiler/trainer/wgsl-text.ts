/** WGSL text for machines: what only people need is left out. */

import type { WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";

/** The same program without comments and without blanks that separate nothing. */
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

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
/** Of names and numbers. */
const WORD = /[\w.]/;
/** Two of them could be another operator together: `a - -b`. */
const OPERATOR = /[-+*/%&|^<>=!~]/;

/**
 * WGSL has no text literals, so whatever looks like a comment is one, and blanks only separate
 * (https://www.w3.org/TR/WGSL/#blankspace). Comments within comments, which printers of ours do not write, are left
 * alone with all of their text.
 */
export function compactText(text: string): string {
  const comments = text.match(COMMENT) ?? [];
  if (comments.some((comment) => comment.startsWith("/*") && comment.includes("/*", 2)))
    return text;
  return text
    .replace(COMMENT, " ")
    .trim()
    .replace(/(\S)\s+(?=(\S))/g, (_, before: string, after: string) => {
      const separates = [WORD, OPERATOR].some((kind) => kind.test(before) && kind.test(after));
      return separates ? `${before} ` : before;
    });
}
