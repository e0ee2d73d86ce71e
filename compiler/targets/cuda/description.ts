/**
 * CUDA as a target: what devices of a compute capability guarantee, and rates of the one that they are measured on.
 * Kernels are compiled before the device is known, so decisions depend on nothing else.
 */

import type { CudaArchitecture } from "../../../runtime/devices/cuda/cuda-program.ts";
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
const largeSharedBytes: { readonly [A in CudaArchitecture]: number } = {
  // Of compute capability 8.6 and 8.9, the least from 8.0 on.
  sm_80: 99 * 1024,
  sm_90a: 227 * 1024,
};

/** Dense, of an H100 or H200 (NVIDIA's data sheets), by architecture that code is for. */
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
    cacheBytes: [sharedBytes, 50 * 2 ** 20],
    peakFlops: 60e12,
    cacheBandwidth: 5.5e12,
    memoryBandwidth: 4e12,
    launchSeconds: 2e-6,
    taskSeconds: 0.5e-6,
    workgroup: {
      threads: 256,
      sharedBytes,
      buffers: 256,
      registers: 128,
      concurrency: 132,
      subgroups: true,
      subgroupThreads: 32,
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
