/**
 * WebGPU as a target: what every device guarantees (the defaults of the standard's limits), and rates of a usual
 * graphics processor. Kernels are compiled before the device is known, so decisions depend on nothing else.
 */

import type { TargetDescription } from "../../optimize/target-description.ts";

/** Limits of WebGPU that every device has, see https://www.w3.org/TR/webgpu/#limits. */
export const defaultLimits = {
  storageBuffers: 8,
  bindingBytes: 128 * 2 ** 20,
  bufferBytes: 256 * 2 ** 20,
  workgroupBytes: 16_384,
  workgroupThreads: 256,
  workgroupsPerDimension: 65_535,
  offsetAlignment: 256,
} as const;

export interface WgslOptions {
  /** Kernels may exchange values within subgroups. */
  readonly subgroups?: boolean;
  /** Kernels may keep f16 in shared memory. */
  readonly f16?: boolean;
}

export interface WgslDescription extends TargetDescription {
  readonly name: "wgsl";
}

export function describeWgsl({
  subgroups = false,
  f16 = false,
}: WgslOptions = {}): WgslDescription {
  return {
    name: "wgsl",
    vectorLanes: 1,
    vectorRegisters: 64,
    cacheBytes: [defaultLimits.workgroupBytes, 4 * 2 ** 20],
    peakFlops: 5e12,
    multiplyAdds: 1,
    cacheBandwidth: 400e9,
    sharedCache: null,
    memoryBandwidth: 200e9,
    launchSeconds: 5e-6,
    taskSeconds: 1e-6,
    winograd: false,
    workgroup: {
      threads: defaultLimits.workgroupThreads,
      sharedBytes: defaultLimits.workgroupBytes,
      buffers: defaultLimits.storageBuffers,
      registers: 64,
      concurrency: 64,
      subgroups,
      subgroupThreads: null,
      f16,
      accessBytes: 4,
      asynchronousCopies: false,
      matrix: null,
    },
    arenaAlignment: defaultLimits.offsetAlignment,
    wordsOnly: true,
  };
}
