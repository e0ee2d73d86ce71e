/** A kernel library as CUDA C++: one source for each variant, and for each graph what one step launches. */

import type { CudaArchitecture, CudaProgram } from "../../../runtime/devices/cuda/cuda-program.ts";
import { InvariantError } from "../../diagnostics/diagnostic.ts";
import type { KernelModule } from "../../kernel/module.ts";

export interface CudaModule {
  readonly architecture: CudaArchitecture;
  readonly module: KernelModule;
}

export interface CudaPrintOptions {
  /** The model's file, for the head comment. */
  readonly source: string;
  /** The largest batch. */
  readonly batchMax: number;
}

export interface PrintedCuda {
  /** Modules for fewer devices come first. */
  readonly program: CudaProgram;
  /** CUDA C++, by variant of the program. */
  readonly sources: readonly string[];
}

export function printCuda(
  _modules: readonly CudaModule[],
  _options: CudaPrintOptions,
): PrintedCuda {
  throw new InvariantError("printing is being written");
}
