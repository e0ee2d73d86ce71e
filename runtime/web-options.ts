/** How a model for WebGPU is opened. */

import type { FileStorage } from "./storage/file-storage.ts";
import type { OptionNames } from "./training/model-options.ts";

export interface WebGpuOptions {
  /** There is one device so far; `auto` takes the best one. */
  readonly device?: "auto" | "webgpu";
  /** Of initial weights, shuffling and dropout. */
  readonly seed?: number;
  /** Which graphics processor to take where there are two; the faster one by default. */
  readonly powerPreference?: "low-power" | "high-performance";
  /** Told while kernels are compiled, which takes a second or more. */
  readonly onProgress?: (compiled: number, kernels: number) => void;
  /** Where files are kept: in Node the working folder, in browsers a folder private to the origin by default. */
  readonly storage?: FileStorage;
}

export const webGpuOptionNames: OptionNames<WebGpuOptions> = {
  device: true,
  seed: true,
  powerPreference: true,
  onProgress: true,
  storage: true,
};
