/** Compiles a model of bench/models. */

import { join } from "node:path";
import { describeTarget } from "../compiler/cli/machine.ts";
import { findPackageFiles } from "../compiler/cli/package-files.ts";
import { diskSources } from "../compiler/cli/source-files.ts";
import type { CompiledProgram } from "../compiler/compiled-program.ts";
import { type CompileOptions, compile } from "../compiler/index.ts";

/** `model` is its file's name; for this machine's CPU unless a target is given. */
export function compileBenchModel(
  model: string,
  options: Pick<CompileOptions, "fusion"> & Partial<Pick<CompileOptions, "target" | "overrides">>,
): CompiledProgram {
  const { root, std } = findPackageFiles();
  const { program, diagnostics } = compile(join(root, "bench", "models", model), diskSources(std), {
    target: describeTarget(undefined),
    now: () => performance.now(),
    ...options,
  });
  if (program === null) throw new Error(`${model} does not compile: ${diagnostics[0]?.title}`);
  return program;
}
