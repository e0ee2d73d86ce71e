/** A compiled program as the definition that the runtime runs, in this process: `nnc train` needs no files. */

import type { WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";
import type { TrainerDefinition } from "../../runtime/plan.ts";
import type { CompiledProgram, TrainerFunctions } from "../compiled-program.ts";

type Functions = Omit<TrainerDefinition, "plan" | "wgsl">;

/** `wgsl` are the kernels of a program for that target. */
export function instantiateProgram(
  { plan, functions }: Pick<CompiledProgram, "plan" | "functions">,
  wgsl?: WgslProgram,
): TrainerDefinition {
  return { plan, ...(wgsl === undefined ? {} : { wgsl }), ...evaluateFunctions(functions) };
}

/** The source is our own printer's: it holds numbers and paths of the model, quoted, and no text of the user's. */
function evaluateFunctions(functions: TrainerFunctions): Functions {
  const source = [
    '"use strict";',
    functions.prelude,
    `function initialize(seed) {\n${functions.initialize}\n}`,
    `function stepScalars(graph, hypers, counters) {\n${functions.stepScalars}\n}`,
    `function readMetrics(read) {\n${functions.readMetrics}\n}`,
    "return { initialize, stepScalars, readMetrics };",
  ];
  return new Function(source.join("\n"))() as Functions;
}
