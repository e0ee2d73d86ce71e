/** What printing makes of a kernel library, by target. */

import type { CudaProgram } from "../../runtime/devices/cuda/cuda-program.ts";
import type { WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";
import type { CSource } from "./cpu/c-source.ts";

/** The kernels as the target takes them. */
export type KernelCode =
  /** Source of the kernel library, see runtime/native/nnc_step.h. */
  | { readonly target: "cpu"; readonly c: CSource }
  | { readonly target: "wgsl"; readonly program: WgslProgram }
  /** `sources` are CUDA C++, one for each variant of the program. */
  | { readonly target: "cuda"; readonly program: CudaProgram; readonly sources: readonly string[] };
