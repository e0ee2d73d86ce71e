/**
 * The native addon as TypeScript sees it (its source is runtime/native), and how it is found. The
 * addon checks little: `CpuDevice` is its only caller and validates what it passes on.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../data/data-error.ts";
import type { NativeCuda } from "../cuda/native-cuda.ts";
import { DeviceError } from "../device.ts";

/** A loaded kernel library; unloaded when neither it nor a session refers to it. */
export interface NativeLibrary {
  /** Whether it exports a function of this name. */
  has(symbol: string): boolean;
}

/** The arenas that do not last from step to step. */
export interface StepArenas {
  readonly temporariesBytes: number;
  readonly resultsBytes: number;
}

export interface SessionOptions extends StepArenas {
  readonly persistentBytes: number;
  /** All threads that compute, the session's own included; with 1 no other is started. */
  readonly threads: number;
  /** Number of column slots. */
  readonly columns: number;
}

export interface NativeRun {
  readonly symbol: string;
  readonly rows: Int32Array;
  readonly batchSize: number;
  readonly scalars: Float32Array;
  readonly scalarsPerStep: number;
  readonly seed: number;
  readonly firstBatch: number;
}

export interface NativeSession {
  /**
   * The arenas, 64-byte aligned and zero at first; detached by `dispose`. Not to be written during
   * a run.
   */
  readonly persistent: ArrayBuffer;
  readonly results: ArrayBuffer;
  /** Keeps a reference to the array until another is bound or the session is gone. */
  bindColumn(slot: number, data: ArrayBufferView): void;
  /**
   * Runs functions of that library from now on, in arenas of at least that size: those that are
   * replaced are zero again, and what was seen of `results` is detached. Throws if a run is in
   * flight.
   */
  useLibrary(library: NativeLibrary, arenas: StepArenas): void;
  /** Runs on the session's own threads. Throws if a run is in flight or the symbol is unknown. */
  run(request: NativeRun): Promise<void>;
  /**
   * Frees the arenas; waits for the step in progress, whose run is rejected. Safe to call again.
   */
  dispose(): void;
}

export interface NativeAddon extends NativeCuda {
  /**
   * `path` must be absolute. Throws if it cannot be loaded or is no kernel library of this version.
   */
  readonly Library: new (
    path: string,
  ) => NativeLibrary;
  readonly Session: new (library: NativeLibrary, options: SessionOptions) => NativeSession;
  /** What the processor can do, in the spelling of `__builtin_cpu_supports`. */
  cpuFeatures(): readonly string[];
  /**
   * Allocations that the addon's own code has made since it was loaded, on all threads; for tests.
   */
  allocations(): number;
}

/**
 * Where the addon is, from this file: beside a built trainer, in the source tree, in the built
 * package as its own module, in the package's bundled program.
 */
const places = [
  "./nnc.node",
  "../../native/build/Release/nnc.node",
  "../../../../runtime/native/build/Release/nnc.node",
  "../../runtime/native/build/Release/nnc.node",
];

/** The path of the addon that belongs to this code, if it was built. */
export function findNativeAddon(): string | undefined {
  return places
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((path) => existsSync(path));
}

/**
 * Loads the addon from `path`, by default from where it belongs.
 * @throws DeviceError if it is not there or cannot be loaded on this machine.
 */
export function loadNativeAddon(path = findNativeAddon()): NativeAddon {
  if (path === undefined) {
    throw new DeviceError(
      "the native addon was not built, so models cannot be run here: " +
        "install a C++ compiler (Debian: apt-get install g++) and run `npm rebuild nnc`, in nnc's own repository " +
        "`npm ci`, with install scripts allowed",
    );
  }
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    throw new DeviceError(`the native addon ${path} cannot be loaded here: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
