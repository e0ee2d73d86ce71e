/** A compiled program as the definition that the runtime runs, in this process: `nnc train` needs no files. */

import type { TrainerDefinition } from "../../runtime/plan.ts";
import type { CompiledProgram, TrainerFunctions, TrainingProgram } from "../compiled-program.ts";

/** What targets other than the CPU run. */
export type TargetProgram = Pick<TrainerDefinition, "wgsl" | "cuda">;
type Functions = Omit<TrainerDefinition, "plan" | keyof TargetProgram>;

export function instantiateProgram(
  { plan, functions }: Pick<CompiledProgram, "plan" | "functions">,
  program: TargetProgram = {},
): TrainerDefinition {
  return { plan, ...program, ...evaluateFunctions(functions) };
}

/** `whole` compiles all graphs: called, once, when something of one that training does not begin with is asked for. */
export function instantiateTraining(
  { plan, functions, others }: TrainingProgram,
  whole: () => Pick<CompiledProgram, "plan" | "functions">,
): TrainerDefinition {
  let made: TrainerDefinition | undefined;
  const rest = (): TrainerDefinition => {
    made ??= instantiateProgram(whole());
    return made;
  };
  const first = evaluateFunctions(functions);
  const graphs = others.reduce(
    (known, name) =>
      Object.defineProperty(known, name, { enumerable: true, get: () => rest().plan.graphs[name] }),
    { ...plan.graphs },
  );
  return {
    ...first,
    plan: { ...plan, graphs },
    stepScalars: (graph, ...of) =>
      (others.includes(graph) ? rest() : first).stepScalars(graph, ...of),
  };
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
