/**
 * Instructions by the names that compilers know them by, for helpers of generated C: of those in loops over lanes, which
 * compilers take long to find, and of accesses to some lanes.
 */

import type { Type } from "../../kernel/ir.ts";
import type { HelperKind } from "./prelude.ts";

/** A choice by a comparison of two other vectors: machines with registers of masks compare right into one. */
export type ComparingSelect = `select_${keyof typeof comparisons}`;

/** In C, and what the instruction of AVX-512 calls them; like C's, none but == and != takes a NaN quietly. */
const comparisons = {
  equal: ["==", 0],
  not_equal: ["!=", 4],
  less: ["<", 1],
  less_equal: ["<=", 2],
  greater: [">", 14],
  greater_equal: [">=", 13],
} as const;

export function comparisonOf(kind: string): readonly [string, number] | null {
  const name = kind.replace(/^select_/, "");
  return kind !== name && name in comparisons
    ? comparisons[name as keyof typeof comparisons]
    : null;
}

/** The masked moves of AVX-512 for 16 lanes; without them partial accesses go lane by lane. */
export function maskedMoves({ dtype, lanes }: Type, features: ReadonlySet<string>): string | null {
  if (lanes !== 16 || !features.has("avx512f")) return null;
  if (dtype === "f32") return "ups512";
  if (dtype === "i32") return "dqusi512";
  const hasBytes = features.has("avx512bw") && features.has("avx512vl");
  return dtype === "u8" && hasBytes ? "dquqi128" : null;
}

/** The lanes that a choice takes of `a`, as a register of masks has them. */
function chosenLanes(kind: HelperKind): string | null {
  if (kind === "select_if") return "(uint16_t)-where";
  return kind === "select"
    ? `__builtin_ia32_cmpd512_mask(where, (i32x16){0}, ${comparisons.not_equal[1]}, (uint16_t)-1)`
    : null;
}

/**
 * The instruction for vectors `a`, `b` and `c` (and `x` and `y`, which are compared) that GCC otherwise has to find in a
 * loop over lanes at every place: half of its time. Clang, whose names differ, finds them soon enough.
 */
export function instructionOf(
  kind: HelperKind,
  type: Type,
  features: ReadonlySet<string>,
): string | null {
  const { dtype, lanes } = type;
  const hasMasks = lanes === 16 && features.has("avx512f");
  const chosen = hasMasks ? chosenLanes(kind) : null;
  if (chosen !== null && (dtype === "f32" || dtype === "i32")) {
    return `__builtin_ia32_blendm${dtype === "f32" ? "ps" : "d"}_512_mask(b, a, ${chosen})`;
  }
  if (dtype !== "f32") return null;
  const comparison = comparisonOf(kind);
  if (hasMasks) {
    const all = "(uint16_t)-1, 4";
    if (comparison !== null) {
      const where = `__builtin_ia32_cmpps512_mask(x, y, ${comparison[1]}, ${all})`;
      return `__builtin_ia32_blendmps_512_mask(b, a, ${where})`;
    }
    if (kind === "fma") return `__builtin_ia32_vfmaddps512_mask(a, b, c, ${all})`;
    if (kind === "sqrt") return `__builtin_ia32_sqrtps512_mask(a, a, ${all})`;
    return kind === "min" || kind === "max"
      ? `__builtin_ia32_${kind}ps512_mask(a, b, a, ${all})`
      : null;
  }
  if (lanes !== 8 && lanes !== 4) return null;
  const width = lanes === 8 ? "256" : "";
  if (kind === "fma" && features.has("fma")) return `__builtin_ia32_vfmaddps${width}(a, b, c)`;
  return (kind === "min" || kind === "max") && features.has("avx")
    ? `__builtin_ia32_${kind}ps${width}(a, b)`
    : null;
}

/** Names of instructions are a compiler's own, and may be others in the next version of it. */
export function whereKnown(instruction: string, also = ""): string {
  const names = new Set(instruction.match(/__builtin_ia32_\w+/g));
  const known = [...names].map((name) => `__has_builtin(${name})`).join(" && ");
  return `#if ${also}${known}`;
}

/** Where the compiler cannot say what it knows, it is taken to know nothing. */
export const hasBuiltin = ["#ifndef __has_builtin", "#define __has_builtin(name) 0", "#endif"];
