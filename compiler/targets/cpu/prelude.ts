/**
 * The small inline functions that generated C is written with: vector types, unaligned, partial, masked and
 * gathering accesses, and operations for which C has no operator. Loops over the lanes of a vector become
 * single instructions where the machine has them; only where compilers miss that is an intrinsic spelled.
 */

import { assertExhaustive } from "../../diagnostics/diagnostic.ts";
import type { ElementType, Type } from "../../kernel/ir.ts";
import {
  type ComparingSelect,
  comparisonOf,
  hasBuiltin,
  instructionOf,
  maskedMoves,
  whereKnown,
} from "./instructions.ts";

export type HelperKind =
  | "splat"
  | "load"
  | "load_first"
  | "load_where"
  | "store"
  | "store_first"
  | "store_where"
  | "gather"
  | "gather_where"
  | "gather_rows"
  | "gather_rows_where"
  | "strided"
  | "scatter"
  | "scatter_where"
  | "widen"
  | "select"
  | "select_if"
  | ComparingSelect
  | "min"
  | "max"
  | "absolute"
  | "fma"
  | "sqrt"
  | "floor"
  | "ceil"
  | "trunc"
  | "rint"
  | "scale";

export type Helper =
  /** A vector type. */
  | { readonly kind: "type"; readonly type: Type }
  /** The bits of a single `from` as another type. */
  | { readonly kind: "bitcast"; readonly type: Type; readonly from: ElementType }
  /** Elements so many apart, picked from whole vectors. */
  | { readonly kind: "picked"; readonly type: Type; readonly step: number }
  | { readonly kind: HelperKind; readonly type: Type };

const scalarTypes: { readonly [K in ElementType]: string } = {
  f32: "float",
  f64: "double",
  f16: "_Float16",
  bf16: "__bf16",
  i32: "int32_t",
  u32: "uint32_t",
  u8: "uint8_t",
  bool: "int32_t",
};

const bytes: { readonly [K in ElementType]: number } = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i32: 4,
  u32: 4,
  u8: 1,
  bool: 4,
};

/** The C type of a value; a bool is an int, and a mask the integer vector that comparisons give. */
export function typeName({ dtype, lanes }: Type): string {
  if (lanes === 1) return scalarTypes[dtype];
  return `${dtype === "bool" ? "i32" : dtype}x${lanes}`;
}

/** The C type of an element in memory; a bool takes one byte. */
export function memoryTypeName(dtype: ElementType): string {
  return dtype === "bool" ? "uint8_t" : scalarTypes[dtype];
}

export function helperName(helper: Helper): string {
  const { dtype, lanes } = helper.type;
  if (helper.kind === "type") return typeName(helper.type);
  if (helper.kind === "bitcast") return `${dtype}_from_bits_of_${helper.from}`;
  const kind = helper.kind === "picked" ? `strided_${helper.step}` : helper.kind;
  return `${kind}_${dtype}${lanes === 1 ? "" : `x${lanes}`}`;
}

/** The text of all helpers, types first; each once, in an order that depends on nothing else. */
export function printHelpers(helpers: readonly Helper[], features: ReadonlySet<string>): string[] {
  const wanted = new Map<string, Helper>();
  const want = (helper: Helper): void => {
    const name = helperName(helper);
    if (wanted.has(name)) return;
    wanted.set(name, helper);
    for (const other of needs(helper)) want(other);
  };
  for (const helper of helpers) want(helper);
  const named = [...wanted].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, helper]) => helper);
  const types = named.filter((helper) => helper.kind === "type");
  const functions = named.filter((helper) => helper.kind !== "type");
  const usesBytes = types.some(({ type }) => type.dtype === "u8" && type.lanes === 16);
  const lines = functions.flatMap((helper) => printHelper(helper, features));
  return [
    ...types.flatMap(({ type }) => vectorType(type)),
    ...(usesBytes ? ["typedef char i8x16 __attribute__((vector_size(16)));"] : []),
    ...(lines.some((line) => line.includes("__has_builtin")) ? hasBuiltin : []),
    ...lines,
  ];
}

/** Whether elements so many apart are read by whole vectors rather than one by one. */
export function isPicked({ lanes }: Type, step: number): boolean {
  return step >= 2 && 4 * step <= lanes;
}

/**
 * The vectors from p on that have every step-th element, the last of which ends with the last such element, and each put
 * together with those before by a shuffle.
 */
function pickedLines({ lanes }: Type, step: number, t: string): string[] {
  const last = (lanes - 1) * step;
  const starts = Array.from({ length: step }, (_, j) => Math.min(j * lanes, last + 1 - lanes));
  const lines = starts.map(
    (start, j) => `const ${t} v${j} = *(const ${t}_unaligned *)(p + ${start});`,
  );
  const holds = (j: number, place: number) => place >= starts[j]! && place < starts[j]! + lanes;
  let before = "v0";
  for (let j = 1; j < step; j++) {
    const from = Array.from({ length: lanes }, (_, lane) => {
      const place = lane * step;
      const known = starts.findIndex((_, i) => holds(i, place));
      if (known >= j) return known === j ? lanes + place - starts[j]! : 0;
      return j === 1 ? place : lane;
    });
    lines.push(`const ${t} w${j} = __builtin_shufflevector(${before}, v${j}, ${from.join(", ")});`);
    before = `w${j}`;
  }
  return [...lines, `return ${before};`];
}

const mask = (lanes: number): Type => ({ dtype: "i32", lanes });

function needs(helper: Helper): Helper[] {
  const { type } = helper;
  if (type.lanes === 1 || helper.kind === "type") return [];
  return [
    { kind: "type", type },
    { kind: "type", type: mask(type.lanes) },
  ];
}

function vectorType(type: Type): string[] {
  const name = typeName(type);
  const size = bytes[type.dtype] * type.lanes;
  const scalar = scalarTypes[type.dtype];
  const alignment = bytes[type.dtype];
  return [
    `typedef ${scalar} ${name} __attribute__((vector_size(${size})));`,
    `typedef ${scalar} ${name}_unaligned __attribute__((vector_size(${size}), aligned(${alignment}), may_alias));`,
  ];
}

function printHelper(
  helper: Exclude<Helper, { readonly kind: "type" }>,
  features: ReadonlySet<string>,
): string[] {
  const { type } = helper;
  const { lanes, dtype } = type;
  const t = typeName(type);
  const e = memoryTypeName(dtype);
  const name = helperName(helper);
  const index = `i32x${lanes}`;
  const header = (result: string, parameters: string): string =>
    `static inline __attribute__((always_inline)) ${result} ${name}(${parameters})`;
  const each = (body: string): string => `for (int l = 0; l < ${lanes}; l++) ${body}`;
  const laneByLane = (parameters: string, value: string): string[] =>
    byInstruction(parameters, `${t} v; ${each(`v[l] = ${value};`)} return v;`);
  const byInstruction = (parameters: string, otherwise: string): string[] => {
    const instruction =
      helper.kind === "bitcast" || helper.kind === "picked"
        ? null
        : instructionOf(helper.kind, type, features);
    if (instruction === null) return [`${header(t, parameters)} { ${otherwise} }`];
    return [
      `${header(t, parameters)} {`,
      whereKnown(instruction, "!defined(__clang__) && "),
      `  return (${t})${instruction};`,
      "#else",
      `  ${otherwise}`,
      "#endif",
      "}",
    ];
  };
  const oneOperand = (scalar: string): string[] =>
    lanes === 1
      ? [`${header(t, `${t} a`)} { return ${scalar.replaceAll("@", "a")}; }`]
      : laneByLane(`${t} a`, scalar.replaceAll("@", "a[l]"));
  const suffix = dtype === "f32" ? "f" : "";
  const moves = maskedMoves(type, features);
  const firstLanes = "(uint16_t)((1u << count) - 1)";
  // What the intrinsics call a vector of bytes.
  const vector = dtype === "u8" ? "i8x16" : t;
  const whereLanes = "__builtin_ia32_cvtd2mask512(where)";
  const maskedLoad = (bits: string): string =>
    `return (${t})__builtin_ia32_load${moves}_mask((const void *)p, (${vector}){0}, ${bits});`;
  const maskedStore = (bits: string): string =>
    `__builtin_ia32_store${moves}_mask((void *)p, (${vector})v, ${bits});`;
  const canMaskWhere = moves !== null && features.has("avx512dq");

  switch (helper.kind) {
    case "bitcast": {
      const from = scalarTypes[helper.from];
      return [
        `${header(t, `${from} a`)} { ${t} b; __builtin_memcpy(&b, &a, sizeof b); return b; }`,
      ];
    }
    case "splat":
      return [
        `${header(t, `${scalarTypes[dtype]} a`)} { return (${t}){${Array(lanes).fill("a").join(", ")}}; }`,
      ];
    case "load":
      return [`${header(t, `const ${e} *p`)} { return *(const ${t}_unaligned *)p; }`];
    case "store":
      return [`${header("void", `${e} *p, ${t} v`)} { *(${t}_unaligned *)p = v; }`];
    case "load_first":
      return [
        `${header(t, `const ${e} *p, int count`)} {`,
        moves !== null
          ? `  ${maskedLoad(firstLanes)}`
          : `  ${t} v = {0}; __builtin_memcpy(&v, p, count * sizeof *p); return v;`,
        "}",
      ];
    case "store_first":
      return [
        `${header("void", `${e} *p, ${t} v, int count`)} {`,
        moves !== null
          ? `  ${maskedStore(firstLanes)}`
          : "  __builtin_memcpy(p, &v, count * sizeof *p);",
        "}",
      ];
    case "load_where":
      return [
        `${header(t, `const ${e} *p, ${index} where`)} {`,
        canMaskWhere
          ? `  ${maskedLoad(whereLanes)}`
          : `  ${t} v = {0}; ${each("if (where[l]) v[l] = p[l];")} return v;`,
        "}",
      ];
    case "store_where":
      return [
        `${header("void", `${e} *p, ${t} v, ${index} where`)} {`,
        canMaskWhere ? `  ${maskedStore(whereLanes)}` : `  ${each("if (where[l]) p[l] = v[l];")}`,
        "}",
      ];
    case "gather":
      return laneByLane(`const ${e} *p, ${index} at`, "p[at[l]]");
    case "gather_where":
      return laneByLane(`const ${e} *p, ${index} at, ${index} where`, "where[l] ? p[at[l]] : 0");
    case "gather_rows":
      return laneByLane(
        `const ${e} *p, const int32_t *rows, size_t stride, ${index} row, ${index} at`,
        "p[(size_t)rows[row[l]] * stride + at[l]]",
      );
    case "gather_rows_where":
      return laneByLane(
        `const ${e} *p, const int32_t *rows, size_t stride, ${index} row, ${index} at, ${index} where`,
        "where[l] ? p[(size_t)rows[row[l]] * stride + at[l]] : 0",
      );
    // Each lane from an address of its own: there is no vector of indexes to take apart.
    case "strided": {
      const elements = Array.from({ length: lanes }, (_, l) => `p[${l} * step]`);
      return [`${header(t, `const ${e} *p, int step`)} { return (${t}){${elements.join(", ")}}; }`];
    }
    case "picked":
      return [
        `${header(t, `const ${e} *p`)} {`,
        ...pickedLines(type, helper.step, t).map((line) => `  ${line}`),
        "}",
      ];
    case "scatter":
      return [`${header("void", `${e} *p, ${index} at, ${t} v`)} { ${each("p[at[l]] = v[l];")} }`];
    case "scatter_where":
      return [
        `${header("void", `${e} *p, ${index} at, ${t} v, ${index} where`)} { ${each("if (where[l]) p[at[l]] = v[l];")} }`,
      ];
    // Bytes to integers by way of 16 bits: GCC 12 takes the direct way through memory.
    case "widen":
      return [
        `${header(t, `u8x${lanes} a`)} {`,
        `  typedef int16_t half __attribute__((vector_size(${2 * lanes})));`,
        `  return __builtin_convertvector(__builtin_convertvector(a, half), ${t});`,
        "}",
      ];
    case "select":
      return laneByLane(`${index} where, ${t} a, ${t} b`, "where[l] ? a[l] : b[l]");
    case "select_if":
      return byInstruction(`int32_t where, ${t} a, ${t} b`, "return where ? a : b;");
    case "select_equal":
    case "select_not_equal":
    case "select_less":
    case "select_less_equal":
    case "select_greater":
    case "select_greater_equal": {
      const [operator] = comparisonOf(helper.kind)!;
      return laneByLane(`${t} x, ${t} y, ${t} a, ${t} b`, `x[l] ${operator} y[l] ? a[l] : b[l]`);
    }
    case "min":
    case "max": {
      const better = helper.kind === "min" ? "<" : ">";
      if (lanes === 1) return [`${header(t, `${t} a, ${t} b`)} { return a ${better} b ? a : b; }`];
      return laneByLane(`${t} a, ${t} b`, `a[l] ${better} b[l] ? a[l] : b[l]`);
    }
    case "absolute":
      if (dtype === "f32" && lanes > 1) {
        return [`${header(t, `${t} a`)} { return (${t})((${index})a & 0x7fffffff); }`];
      }
      return oneOperand(
        dtype === "i32"
          ? "(int32_t)(@ < 0 ? 0u - (uint32_t)@ : (uint32_t)@)"
          : `__builtin_fabs${suffix}(@)`,
      );
    case "fma":
      if (lanes === 1) {
        return [
          `${header(t, `${t} a, ${t} b, ${t} c`)} { return __builtin_fma${suffix}(a, b, c); }`,
        ];
      }
      return laneByLane(`${t} a, ${t} b, ${t} c`, `__builtin_fma${suffix}(a[l], b[l], c[l])`);
    case "scale":
      return [`${header(t, `${t} a, ${t} b`)} {`, ...scaleLines(type, features), "}"];
    case "sqrt":
    case "floor":
    case "ceil":
    case "trunc":
    case "rint":
      return oneOperand(`__builtin_${helper.kind}${suffix}(@)`);
    default:
      return assertExhaustive(helper);
  }
}

/** In two steps, so that neither scale overflows, or by the instruction of AVX-512, which gives the same bits. */
function scaleLines({ lanes }: Type, features: ReadonlySet<string>): string[] {
  const shift = "12582912.0f";
  if (lanes === 1) {
    return [
      `  union { float f; uint32_t u; } x = {a}, s = {b + ${shift}};`,
      "  const uint32_t half = s.u << 22 & 0xff800000u;",
      "  x.u += half;",
      "  s.u = (s.u << 23) - half + 0x3f800000u;",
      "  return x.f * s.f;",
    ];
  }
  const [float, integer] = [`f32x${lanes}`, `i32x${lanes}`];
  const steps = [
    `  const ${integer} s = (${integer})(b + ${shift}), half = s << 22 & (int32_t)0xff800000;`,
    `  return (${float})((${integer})a + half) * (${float})((s << 23) - half + 0x3f800000);`,
  ];
  if (lanes !== 16 || !features.has("avx512f")) return steps;
  const instruction = "__builtin_ia32_scalefps512_mask(a, b, (f32x16){0}, (uint16_t)-1, 4)";
  return [whereKnown(instruction), `  return (f32x16)${instruction};`, "#else", ...steps, "#endif"];
}
