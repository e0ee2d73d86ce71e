/**
 * The part of the native addon that is for CUDA, as TypeScript sees it; its source is runtime/native/cuda. It loads the
 * driver when it is asked to, and trusts what it gets: `CudaDevice` has checked it. Promises are rejected with an
 * `Error` whose message is for people; its `code` is `lost` if nothing can be done with the session any more.
 */

import type { CudaArena } from "./cuda-program.ts";
import type { UnrolledLaunch } from "./unroll-loops.ts";

export interface NativeCuda {
  readonly CudaSession: new (options: NativeCudaOptions) => NativeCudaSession;
  /** Rejected if there is no driver, one too old, or no such device. */
  findCudaDevice(choice: CudaChoice): Promise<CudaDeviceInfo>;
  /**
   * What NVRTC compiles for a device of this capability: `sm_90`, `sm_90a` if code for this generation alone is asked
   * for, or the newest that it knows, `compute_90`. Rejected if there is no NVRTC, or an older one than is needed.
   */
  findNvrtc(
    choice: NvrtcChoice,
    capability: number,
    isSpecific: boolean,
  ): Promise<{ readonly version: string; readonly architecture: string }>;
  /** Machine code, or PTX. Rejected with what NVRTC says if it refuses the source. */
  compileCuda(choice: NvrtcChoice, source: string, architecture: string): Promise<Uint8Array>;
}

export interface CudaChoice {
  /** Path of the driver's library; empty to search for it. */
  readonly library: string;
  /** Which of the devices that the driver shows. */
  readonly ordinal: number;
}

export interface CudaDeviceInfo {
  readonly name: string;
  /** 90 is compute capability 9.0. */
  readonly capability: number;
  /** The newest CUDA that the driver supports: 12040 is 12.4. */
  readonly driverVersion: number;
  /** Whether all blocks of a launch can be made to run at once, so that they may wait for each other. */
  readonly isCooperative: boolean;
}

export interface NvrtcChoice {
  /** Path of NVRTC's library; empty to search for it. */
  readonly library: string;
  /** Where CUDA may be, besides where the system's loader looks. */
  readonly folders: readonly string[];
  /** Of the driver, as `CudaDeviceInfo` has it, which takes no code of newer CUDA. */
  readonly driverVersion: number;
}

export interface NativeCudaOptions extends CudaChoice {
  /** For messages. */
  readonly model: string;
  /** A fat binary, machine code or PTX. */
  readonly image: Uint8Array;
  readonly kernels: readonly NativeKernel[];
  readonly graphs: readonly NativeGraph[];
  readonly persistentBytes: number;
  readonly temporariesBytes: number;
  readonly resultsBytes: number;
  readonly batchMax: number;
  /** Bytes of a row of each column slot. */
  readonly rowBytes: readonly number[];
}

export interface NativeKernel {
  readonly name: string;
  /** What messages call it. */
  readonly label: string;
  readonly threads: number;
  readonly sharedBytes: number;
  readonly isPersistent: boolean;
  readonly isCooperative: boolean;
}

export interface NativeGraph {
  readonly name: string;
  /** Column slots that it reads. */
  readonly columns: readonly number[];
  /** Of each step. */
  readonly scalars: number;
  readonly launches: readonly UnrolledLaunch[];
}

export interface NativeCudaRun {
  /** Position in the session's graphs. */
  readonly graph: number;
  readonly rows: Int32Array;
  readonly batchSize: number;
  readonly scalars: Float32Array;
  readonly seed: number;
  readonly firstBatch: number;
}

/**
 * Everything is done in the order of the calls, on a thread of its own. Arrays are not to be changed until the promise
 * is settled, those of `bindColumn` not while they are bound.
 */
export interface NativeCudaSession {
  /** Takes device and memory; to be called first. */
  open(): Promise<void>;
  /** Memory for a column, by a number; 0 if the device has no room for it. */
  allocate(bytes: number): Promise<number>;
  /** Frees memory that is not bound any more. */
  free(memory: number): Promise<void>;
  uploadColumn(memory: number, data: ArrayBufferView): Promise<void>;
  /** `memory` holds the same data, or is 0: then the rows of each batch are handed over for its step. */
  bindColumn(slot: number, data: ArrayBufferView, memory: number): Promise<void>;
  write(arena: CudaArena, offset: number, data: ArrayBufferView): Promise<void>;
  read(arena: CudaArena, offset: number, data: ArrayBufferView): Promise<void>;
  run(request: NativeCudaRun): Promise<void>;
  /** Seconds of a launch of the graph, by its position, repeated for about `seconds`; changes what it changes. */
  timeLaunch(request: NativeCudaRun, launch: number, seconds: number): Promise<number>;
  /**
   * Gives everything back; waits for the steps in flight. What was not done is rejected. Safe to call again.
   */
  dispose(): void;
}
