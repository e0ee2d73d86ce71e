/** Names that CUDA C++ leaves to programs; kernels are named after models, which know nothing of them. */

import { functionsCalled } from "../../kernel/functions-called.ts";
import type { Kernel, KernelFunction } from "../../kernel/ir.ts";
import { functionWithFreeNames, type NameRules, withFreeNames } from "../legal-names.ts";

/** Keywords of C++20 and the spellings of its operators. */
const keywords =
  "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl " +
  "concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default " +
  "delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long " +
  "mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register " +
  "reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template this " +
  "thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor " +
  "xor_eq restrict";

/** What generated text itself says: a local of such a name would hide it; and macros of C libraries. */
const usedWords =
  "NncStep threadIdx blockIdx blockDim gridDim warpSize fmaf sqrtf floorf ceilf truncf rintf fabsf n task thread " +
  "subgroup group groups step rows NULL NAN INFINITY assert errno stdin stdout stderr linux unix";

const taken: ReadonlySet<string> = new Set(`${keywords} ${usedWords}`.split(" "));

/** Names with two underscores are the language's, those with our prefix the prelude's. */
function plain(name: string): string {
  const single = name.replace(/_{2,}/g, "_").replace(/^_/, "v_");
  return single.startsWith("nnc_") ? `v_${single}` : single;
}

const rules: NameRules = { taken, plain };

/** A kernel without reserved names, and without those in `others`. */
export function withLegalNames(kernel: Kernel, others: Iterable<string>): Kernel {
  return withFreeNames(kernel, rules, others);
}

/** A function without reserved names, and without those of the functions that it calls. */
export function functionWithLegalNames(fn: KernelFunction): KernelFunction {
  const called = functionsCalled(fn.body, fn.result).map(({ name }) => name);
  return functionWithFreeNames(fn, rules, called);
}

/**
 * What a kernel may be named, as a global name. CUDA and C have hundreds of functions named by a single word, `exp` or
 * `index`, and vectors made by `make_float4`.
 */
export function kernelName(name: string): string {
  const isFree = name.includes("_") && !taken.has(name) && plain(name) === name;
  return isFree && !name.startsWith("make_") ? name : plain(`run_${name}`);
}
