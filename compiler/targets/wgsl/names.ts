/** Names that WGSL leaves to programs; kernels are named after models, which know nothing of them. */

import { functionsCalled } from "../../kernel/functions-called.ts";
import type { Kernel, KernelFunction } from "../../kernel/ir.ts";
import { functionWithFreeNames, withFreeNames } from "../legal-names.ts";

/** https://www.w3.org/TR/WGSL/#keyword-summary and #reserved-words */
const reservedWords =
  "alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if " +
  "let loop override requires return struct switch true var while " +
  "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch " +
  "class co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast " +
  "consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum " +
  "explicit export extends extern external fallthrough filter final finally friend from fxgroup get goto " +
  "groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match " +
  "mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent " +
  "noncoherent noperspective null nullptr of operator package packoffset partial pass patch pixelfragment precise " +
  "precision premerge priv protected pub public readonly ref regardless register reinterpret_cast require " +
  "resource restrict self set shared sizeof smooth snorm static static_assert static_cast std subroutine super " +
  "target template this thread_local throw trait try type typedef typeid typename typeof union unless unorm " +
  "unsafe unsized use using varying virtual volatile wgsl where with writeonly yield";

/** What generated text itself says: a local of such a name would hide it. */
const usedWords =
  "abs array bitcast bool ceil f16 f32 floor fma i32 max min round select sqrt storageBarrier " +
  "subgroupShuffleDown trunc u32 vec2 vec2f vec2h vec2i vec2u vec4 vec4f vec4h vec4i vec4u vec3u " +
  "workgroupBarrier Step main step rows n task thread subgroup seed batch workgroup local subgroup_size";

const taken: ReadonlySet<string> = new Set(`${reservedWords} ${usedWords}`.split(" "));

/** A kernel without reserved names, and without those in `others`. */
export function withLegalNames(kernel: Kernel, others: Iterable<string>): Kernel {
  return withFreeNames(kernel, { taken }, others);
}

/** A function without reserved names, and without those of the functions that it calls. */
export function functionWithLegalNames(fn: KernelFunction): KernelFunction {
  const called = functionsCalled(fn.body, fn.result).map(({ name }) => name);
  return functionWithFreeNames(fn, { taken }, called);
}
