/**
 * The machine's functions: what C++ cannot say, in PTX (https://docs.nvidia.com/cuda/parallel-thread-execution/). They
 * are the only `asm` of the source, in a section of their own that another machine can replace: where `NNC_MACHINE` is
 * defined, all of them are said to be there already. Beside these, kernels use of CUDA: `threadIdx.x`, `blockIdx.x`,
 * `gridDim.x`, `__syncthreads`, `__shfl_down_sync`, the bits of floats (`__float_as_uint` and the like), and `fmaf`,
 * `sqrtf`, `floorf`, `ceilf`, `truncf`, `rintf`, `fabsf`.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import { boxAlignment } from "../../kernel/hopper-intrinsics.ts";
import type { Type } from "../../kernel/ir.ts";
import { hopperFunction } from "./hopper-machine.ts";

/** A function or macro of the machine section. */
export interface MachineFunction {
  readonly text: string;
  /** Types that its text mentions. */
  readonly types?: readonly Type[];
  /** Other functions of the machine that its text calls. */
  readonly calls?: readonly string[];
}

export type MachineFunctions = Readonly<Record<string, MachineFunction>>;

const f16: Type = { dtype: "f16", lanes: 1 };
const bf16: Type = { dtype: "bf16", lanes: 1 };

const header = "static __device__ __forceinline__";

const elements = { f32: "float", f16: "nnc_f16", bf16: "nnc_bf16" } as const;

/** Dynamic shared memory: the whole of it is one array. */
export const dynamicShared = "NNC_DYNAMIC_SHARED";

const conversions: MachineFunctions = {
  nnc_i32_from_f32: {
    text: `// Truncates and saturates; 0 for NaN.
${header} int nnc_i32_from_f32(float x) { return __float2int_rz(x); }`,
  },
  nnc_u32_from_f32: {
    text: `// Truncates and saturates; 0 for NaN.
${header} unsigned nnc_u32_from_f32(float x) { return __float2uint_rz(x); }`,
  },
  nnc_f32_from_f16: {
    types: [f16],
    text: `${header} float nnc_f32_from_f16(nnc_f16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}`,
  },
  nnc_f16_from_f32: {
    types: [f16],
    text: `// To nearest, ties to even.
${header} nnc_f16 nnc_f16_from_f32(float x) {
  nnc_f16 y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}`,
  },
  nnc_f32_from_bf16: {
    types: [bf16],
    text: `${header} float nnc_f32_from_bf16(nnc_bf16 x) {
  return __uint_as_float((unsigned)x.bits << 16);
}`,
  },
  nnc_bf16_from_f32: {
    types: [bf16],
    text: `// To nearest, ties to even.
${header} nnc_bf16 nnc_bf16_from_f32(float x) {
  nnc_bf16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}`,
  },
};

const memory: MachineFunctions = {
  [dynamicShared]: {
    text: `#define ${dynamicShared} extern __shared__ __align__(${boxAlignment}) unsigned char nnc_shared[]`,
  },
  nnc_shared_address: {
    text: `// Where in shared memory, as its instructions take it.
${header} unsigned nnc_shared_address(const void *p) {
  return (unsigned)__cvta_generic_to_shared(p);
}`,
  },
  ...Object.fromEntries(
    ([4, 8, 16] as const).flatMap((size) =>
      (["f32", "f16", "bf16"] as const).map((dtype) => [
        `copy_async_${size}_${dtype}`,
        copyAsync(size, dtype),
      ]),
    ),
  ),
  commit_copies: {
    text: `${header} void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }`,
  },
};

/** Copies of 16 bytes pass by the first-level cache: nothing of them is read twice. */
function copyAsync(size: 4 | 8 | 16, dtype: keyof typeof elements): MachineFunction {
  const element = elements[dtype];
  return {
    types: [{ dtype, lanes: 1 }],
    calls: ["nnc_shared_address"],
    text: `${header} void copy_async_${size}_${dtype}(${element} *to, const ${element} *from, bool exists) {
  asm volatile("cp.async.${size === 16 ? "cg" : "ca"}.shared.global [%0], [%1], ${size}, %2;"
               :: "r"(nnc_shared_address(to)), "l"(from), "r"(exists ? ${size} : 0) : "memory");
}`,
  };
}

function awaitCopies(pending: string): MachineFunction {
  return {
    text: `${header} void await_copies_${pending}() {
  asm volatile("cp.async.wait_group ${pending};" ::: "memory");
}`,
  };
}

/** Barrier 0 is that of `__syncthreads`. */
function meetThreads(threads: string): MachineFunction {
  return {
    text: `${header} void meet_threads_${threads}() {
  asm volatile("bar.sync 1, ${threads};" ::: "memory");
}`,
  };
}

/** Waits for all threads of all blocks, see `barrier` of the kernel IR. */
export const meetGrid = "nnc_meet_grid";

/**
 * The first block adds what turns the highest bit once all others have added 1, and leaves the others of the word as they
 * were: 0 when the module is loaded, and after every barrier. As in cooperative groups, fences before and after make what
 * one block stored visible to all, as barriers order memory transitively (PTX ISA, "Causality order").
 */
const grid: MachineFunctions = {
  [meetGrid]: {
    text: `static __device__ unsigned nnc_arrived;
${header} void ${meetGrid}() {
  __syncthreads();
  if (threadIdx.x == 0) {
    const unsigned added = blockIdx.x == 0 ? 0x80000000u - (gridDim.x - 1) : 1u;
    unsigned before, now;
    __threadfence();
    asm volatile("atom.add.release.gpu.u32 %0, [%1], %2;"
                 : "=r"(before) : "l"(&nnc_arrived), "r"(added) : "memory");
    do {
      asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(now) : "l"(&nnc_arrived) : "memory");
    } while (((before ^ now) & 0x80000000u) == 0);
    __threadfence();
  }
  __syncthreads();
}`,
  },
};

const matrices: MachineFunctions = {
  ...Object.fromEntries(
    ([2, 4] as const).flatMap((count) =>
      (["f16", "bf16"] as const).flatMap((dtype) =>
        ["", "_transposed"].map((order) => [
          `load_matrices_${count}${order}_${dtype}`,
          loadMatrices(count, order, dtype),
        ]),
      ),
    ),
  ),
  multiply_matrices_f16: multiplyMatrices("f16", "m16n8k16"),
  multiply_matrices_bf16: multiplyMatrices("bf16", "m16n8k16"),
  multiply_matrices_tf32: multiplyMatrices("tf32", "m16n8k8"),
  round_to_tf32: {
    text: `${header} void round_to_tf32(unsigned *to, float number) {
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(*to) : "f"(number));
}`,
  },
};

function loadMatrices(count: 2 | 4, order: string, dtype: "f16" | "bf16"): MachineFunction {
  const places = Array.from({ length: count }, (_, i) => `%${i}`);
  const registers = places.map((_, i) => `"=r"(registers[${i}])`);
  const instruction = `ldmatrix.sync.aligned.m8n8.x${count}${order === "" ? "" : ".trans"}.shared.b16`;
  return {
    types: [{ dtype, lanes: 1 }],
    calls: ["nnc_shared_address"],
    text: `${header} void load_matrices_${count}${order}_${dtype}(unsigned *registers, const ${elements[dtype]} *line) {
  asm volatile("${instruction} {${places.join(", ")}}, [%${count}];"
               : ${registers.join(", ")}
               : "r"(nnc_shared_address(line)) : "memory");
}`,
  };
}

/** Volatile, so that it is not moved under the condition of a store, which only some threads of the warp may meet. */
function multiplyMatrices(dtype: "f16" | "bf16" | "tf32", shape: string): MachineFunction {
  return {
    text: `${header} void multiply_matrices_${dtype}(float *sums, const unsigned *left, const unsigned *right) {
  asm volatile("mma.sync.aligned.${shape}.row.col.f32.${dtype}.${dtype}.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
               : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]),
                 "r"(right[0]), "r"(right[1]));
}`,
  };
}

const functions: MachineFunctions = { ...conversions, ...memory, ...grid, ...matrices };

/** A function of any device from compute capability 8.0 on, or of Hopper's own. */
function machineFunction(name: string): MachineFunction {
  if (Object.hasOwn(functions, name)) return functions[name]!;
  const pending = /^await_copies_(\d+)$/.exec(name)?.[1];
  if (pending !== undefined) return awaitCopies(pending);
  const threads = /^meet_threads_(\d+)$/.exec(name)?.[1];
  if (threads !== undefined) return meetThreads(threads);
  const hopper = hopperFunction(name);
  invariant(hopper !== undefined, `CUDA has no function ${name}`);
  return hopper;
}

/** Those named and what they call, callees first. */
export function machineFunctionsOf(names: Iterable<string>): ReadonlyMap<string, MachineFunction> {
  const found = new Map<string, MachineFunction>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    const fn = machineFunction(name);
    for (const callee of fn.calls ?? []) visit(callee);
    found.set(name, fn);
  };
  for (const name of [...names].sort()) visit(name);
  return found;
}
