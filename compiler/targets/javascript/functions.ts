/**
 * Scalar functions in JavaScript: operators where the language has them, else functions whose source is that of
 * the table's own float64 evaluation, so that generated code and the interpreter compute the same.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { type ScalarFunctionName, scalarFunctions } from "../../graph/scalar-functions.ts";
import { threefry2x32, uniformAt, uniforms } from "../../graph/threefry.ts";

/** A function that generated code may call, by name. */
export type PreludeFunction =
  | { readonly kind: "float" | "integer"; readonly fn: ScalarFunctionName }
  | { readonly kind: "uniform" | "uniforms" | "threefry" | "to-i32" | "to-u8" }
  /** Loops over arrays that are given, see `LoopFunctions`. */
  | { readonly kind: "loops"; readonly name: string; readonly text: string };

export function preludeName(wanted: PreludeFunction): string {
  switch (wanted.kind) {
    case "float":
      return `compute${capitalised(wanted.fn)}`;
    case "integer":
      return `compute${capitalised(wanted.fn)}Integer`;
    case "uniform":
      return "uniformAt";
    case "uniforms":
      return "uniforms";
    case "threefry":
      return "threefry2x32";
    case "to-i32":
      return "toInt32";
    case "to-u8":
      return "toUint8";
    case "loops":
      return wanted.name;
  }
}

/** Functions that another one calls. */
function calledBy(wanted: PreludeFunction): readonly PreludeFunction[] {
  return wanted.kind === "uniform" || wanted.kind === "uniforms" ? [{ kind: "threefry" }] : [];
}

/** Names of functions are of no form that values' names have. */
function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Declarations of the functions, each once, in order of name. */
export function printPrelude(wanted: readonly PreludeFunction[]): string {
  const declarations = new Map<string, string>();
  for (const fn of wanted.flatMap((each) => [...calledBy(each), each])) {
    declarations.set(preludeName(fn), declaration(fn));
  }
  return [...declarations]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join("\n\n");
}

function declaration(wanted: PreludeFunction): string {
  const name = preludeName(wanted);
  switch (wanted.kind) {
    case "float":
      return asDeclaration(name, scalarFunctions[wanted.fn].evaluate.toString());
    case "integer":
      return asDeclaration(name, scalarFunctions[wanted.fn].evaluateInteger.toString());
    case "threefry":
      return asDeclaration(name, threefry2x32.toString());
    case "uniform":
      return asDeclaration(name, drawing(uniformAt));
    case "uniforms":
      return asDeclaration(name, drawing(uniforms));
    case "loops":
      return wanted.text;
    case "to-i32":
      return [
        `function ${name}(x) {`,
        "  return Math.max(-2147483648, Math.min(2147483647, Math.trunc(x))) || 0;",
        "}",
      ].join("\n");
    case "to-u8":
      return [
        `function ${name}(x) {`,
        "  return Math.max(0, Math.min(255, Math.trunc(x))) || 0;",
        "}",
      ].join("\n");
  }
}

/** The source of a function that calls `threefry2x32`, which a bundler may have renamed. */
function drawing(draws: { toString(): string }): string {
  return draws.toString().replaceAll(threefry2x32.name, "threefry2x32");
}

/** The source of an arrow function or of a function, as a declaration under a name. */
function asDeclaration(name: string, source: string): string {
  const named = /^function\s*\w*\s*(\([\s\S]*)$/.exec(source);
  if (named !== null) return `function ${name}${named[1]}`;
  const arrow = /^\(?([\w\s,]*?)\)?\s*=>\s*([\s\S]*)$/.exec(source);
  invariant(arrow !== null, `the source of ${name} is no function: ${source}`);
  const [, parameters, body] = arrow;
  const block = body!.startsWith("{") ? body! : `{\n  return ${body!};\n}`;
  return `function ${name}(${parameters!.trim()}) ${block}`;
}
