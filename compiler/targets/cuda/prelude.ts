/**
 * The small inline functions that kernels are written with: operations that say an argument twice, and all that is done
 * with vectors, lane by lane. They are C++ without anything of CUDA.
 */

import { assertExhaustive } from "../../diagnostics/diagnostic.ts";
import type { ElementType, Operation, Type } from "../../kernel/ir.ts";
import { type Printed, primary } from "../c-like-printer.ts";
import { convertedText, reinterpretedText } from "./conversions.ts";
import { operators, ownFunction, ownOperation, scalarOperation } from "./operations.ts";
import { laneNames, memoryTypeName, typeName } from "./types.ts";

export type Helper =
  /** A type that is spelled somewhere. */
  | { readonly kind: "type"; readonly type: Type }
  /** A function of the machine. */
  | { readonly kind: "machine"; readonly name: string }
  /** `type` is that of the arguments; of a select, of what it chooses from. */
  | { readonly kind: "operation"; readonly operation: Operation; readonly type: Type }
  /** A value in every lane. */
  | { readonly kind: "splat"; readonly type: Type }
  | { readonly kind: "convert" | "bitcast"; readonly type: Type; readonly from: ElementType }
  /** A run of elements, aligned to its size. */
  | { readonly kind: "load" | "store"; readonly type: Type }
  /** Lanes of a vector of `type`, then of a second one. */
  | { readonly kind: "shuffle"; readonly type: Type; readonly lanes: readonly number[] };

export type Use = (helper: Helper) => void;

export function helperName(helper: Exclude<Helper, { readonly kind: "machine" }>): string {
  const type = typeName(helper.type);
  switch (helper.kind) {
    case "type":
      return type;
    case "operation": {
      const { operation } = helper;
      const operator = operators[operation];
      if (operator !== undefined) return `operator${operator[0]}`;
      return ownFunction(operation, helper.type.dtype) ?? `nnc_${operation}`;
    }
    case "splat":
      return `${type}_of`;
    case "convert":
      return `${type}_from_${helper.from}`;
    case "bitcast":
      return `${type}_from_bits_of_${helper.from}`;
    case "load":
    case "store":
      return `nnc_${helper.kind}_${helper.type.dtype}x${helper.type.lanes}`;
    case "shuffle":
      return `${type}_lanes_${helper.lanes.join("_")}`;
    default:
      return assertExhaustive(helper);
  }
}

const header = "static __device__ __forceinline__";

/** The text of a helper; types and functions of the machine stand elsewhere. */
export function helperText(helper: Helper, use: Use): string[] {
  if (helper.kind === "type" || helper.kind === "machine") return [];
  const { type } = helper;
  const { dtype, lanes } = type;
  const typed = (named: Type): string => {
    use({ kind: "type", type: named });
    return typeName(named);
  };
  const name = helperName(helper);
  const own = typed(type);
  const single = typeName({ dtype, lanes: 1 });
  const each = (lane: (member: string) => string): string =>
    `{ return {${laneNames(lanes).map(lane).join(", ")}}; }`;
  switch (helper.kind) {
    case "operation": {
      const { operation } = helper;
      const [first, ...others] = parametersOf(operation);
      const where = operation === "select" ? typed({ dtype: "bool", lanes }) : own;
      const parameters = [`${where} ${first}`, ...others.map((other) => `${own} ${other}`)];
      const start = (result: string): string =>
        `${header} ${result} ${name}(${parameters.join(", ")})`;
      const all = [first!, ...others];
      if (lanes === 1) {
        const [a, b] = all.map(primary) as [Printed, Printed];
        return [`${start(own)} { return ${ownOperation(operation, a, b).text}; }`];
      }
      const result = comparisons.has(operation) ? typed({ dtype: "bool", lanes }) : own;
      const lane = (member: string): string => {
        const args = all.map((arg) => primary(`${arg}.${member}`));
        const fn = ownFunction(operation, dtype);
        if (fn === undefined) return scalarOperation(operation, dtype, args).text;
        return ownOperation(operation, args[0]!, args[1] ?? args[0]!).text;
      };
      return [`${start(result)} ${each(lane)}`];
    }
    case "splat":
      return [`${header} ${own} ${name}(${single} a) ${each(() => "a")}`];
    case "convert":
    case "bitcast": {
      const { from, kind } = helper;
      const text = kind === "convert" ? convertedText : reinterpretedText;
      const lane = (member: string): string => text(primary(`a.${member}`), from, dtype, use).text;
      return [`${header} ${own} ${name}(${typed({ dtype: from, lanes })} a) ${each(lane)}`];
    }
    case "load":
      return [
        `${header} ${own} ${name}(const ${memoryTypeName(dtype)} *p) { return *reinterpret_cast<const ${own} *>(p); }`,
      ];
    case "store":
      return [
        `${header} void ${name}(${memoryTypeName(dtype)} *p, ${own} v) { *reinterpret_cast<${own} *>(p) = v; }`,
      ];
    case "shuffle": {
      const picked = helper.lanes.map((lane) =>
        lane < lanes ? `a.${laneNames(lanes)[lane]}` : `b.${laneNames(lanes)[lane - lanes]}`,
      );
      const result = typed({ dtype, lanes: picked.length });
      return [`${header} ${result} ${name}(${own} a, ${own} b) { return {${picked.join(", ")}}; }`];
    }
    default:
      return assertExhaustive(helper);
  }
}

const comparisons: ReadonlySet<Operation> = new Set<Operation>([
  "equal",
  "notEqual",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
]);

const unaries: ReadonlySet<Operation> = new Set<Operation>([
  "negate",
  "absolute",
  "not",
  "sqrt",
  "floor",
  "ceil",
  "trunc",
  "rint",
]);

function parametersOf(operation: Operation): string[] {
  if (operation === "select") return ["where", "a", "b"];
  if (operation === "fma") return ["a", "b", "c"];
  return unaries.has(operation) ? ["a"] : ["a", "b"];
}
