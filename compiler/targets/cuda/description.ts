/**
 * CUDA as a target: what devices of a compute capability guarantee, and rates of the one that they are measured on, an
 * H200. Kernels are compiled before the device is known, so decisions depend on nothing else.
 *
 * Where the figures come from: the data sheets of the H100 SXM and the H200 (nvidia.com), the table of compute
 * capabilities in the CUDA C++ Programming Guide, and what of them programs reach, as said beside each.
 */

import type { CudaArchitecture } from "../../../runtime/devices/cuda/cuda-program.ts";
import { subgroupThreads } from "../../kernel/intrinsics.ts";
import type { MatrixUnits, TargetDescription } from "../../optimize/target-description.ts";
import type { Precision } from "../../semantics/precision.ts";

export interface CudaOptions {
  /** What operands of products may be rounded to; f32 by default, which is no rounding. */
  readonly precision?: Precision;
  readonly architecture?: CudaArchitecture;
}

export interface CudaDescription extends TargetDescription {
  readonly name: "cuda";
  readonly precision: Precision;
  readonly architecture: CudaArchitecture;
}

/** Shared memory that every kernel may have; what matrix kernels may have with permission, by architecture. */
const sharedBytes = 48 * 1024;
export const largeSharedBytes: { readonly [A in CudaArchitecture]: number } = {
  // Of compute capability 8.6 and 8.9, the least from 8.0 on.
  sm_80: 99 * 1024,
  sm_90a: 227 * 1024,
};

/** Without sparsity, of an H100 or H200 (NVIDIA's data sheets), by architecture that code is for. */
const matrixFlops: { readonly [O in MatrixUnits["operands"]]: number } = {
  tf32: 495e12,
  bf16: 989e12,
  f16: 989e12,
};

export function describeCuda({
  precision = "f32",
  architecture = "sm_80",
}: CudaOptions = {}): CudaDescription {
  return {
    name: "cuda",
    precision,
    architecture,
    vectorLanes: 1,
    vectorRegisters: 128,
    // Data sheet: 50 MB of second-level cache.
    cacheBytes: [sharedBytes, 50 * 2 ** 20],
    // Data sheet: 67e12, which is 132 multiprocessors × 128 multiply-adds at 1.98 GHz; 60e12 is at 1.78 GHz, nearer to
    // what is kept under load. Products in cuBLAS reach 46e12 to 50e12.
    peakFlops: 60e12,
    multiplyAdds: 1,
    // An estimate: 24 bytes a clock for each multiprocessor, of 64 that it can take; it weighs tiles against each other.
    cacheBandwidth: 5.5e12,
    // Data sheets: 3.35e12 of an H100, 4.8e12 of an H200, on which copies reach 4.3e12.
    sharedCache: null,
    memoryBandwidth: 4e12,
    // From the end of a kernel to the work of the next in a CUDA graph, and filling and draining the device; an estimate.
    launchSeconds: 2e-6,
    // Launches that may run side by side cost nothing more in a graph than one after the other.
    taskSeconds: 0,
    winograd: false,
    workgroup: {
      // Of at most 1,024: with 256, two workgroups share a multiprocessor also where each thread has 128 registers.
      threads: 256,
      sharedBytes,
      // Parameters of a kernel take at most 4,096 bytes.
      buffers: 256,
      // Of 255: 65,536 of a multiprocessor for 512 threads.
      registers: 128,
      // Multiprocessors of an H100 SXM or H200.
      concurrency: 132,
      subgroups: true,
      subgroupThreads,
      f16: false,
      accessBytes: 16,
      asynchronousCopies: true,
      matrix: precision === "f32" ? null : matrixUnits(precision, architecture),
    },
    arenaAlignment: 256,
    wordsOnly: false,
  };
}

function matrixUnits(
  operands: MatrixUnits["operands"],
  architecture: CudaArchitecture,
): MatrixUnits {
  const isHopper = architecture === "sm_90a";
  return {
    operands,
    issuedBy: isHopper ? "fourSubgroups" : "subgroup",
    sharedBytes: largeSharedBytes[architecture],
    // The instruction of one subgroup reaches about 0.65 of the units' peak there (arXiv:2402.13499).
    peakFlops: matrixFlops[operands] * (isHopper ? 1 : 0.65),
  };
}
