/** Runs cases in the reference interpreter, in float64: tests everything up to scheduling. */

import { differentiate } from "../../../compiler/autodiff/differentiate.ts";
import { DiagnosticSink } from "../../../compiler/diagnostics/diagnostic.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import type { Graph, LeafRole, Value } from "../../../compiler/graph/node.ts";
import { canonicalise } from "../../../compiler/optimize/canonicalise.ts";
import { simplify } from "../../../compiler/optimize/simplify.ts";
import { lower } from "../../../compiler/semantics/lower.ts";
import type { LoweredProgram } from "../../../compiler/semantics/program.ts";
import {
  type CaseProgram,
  columnsOf,
  givenTensors,
  outputName,
  samplesOf,
  sourceOf,
} from "./case-program.ts";
import {
  type CaseRun,
  caseFile,
  hostOf,
  MissingTensor,
  RefusedProgram,
  type Step,
  type Target,
  type Tensors,
} from "./target.ts";

export const interpreterTarget: Target = {
  precision: "float64",
  run: async (program, steps) => interpretCase(program, steps),
};

/** The program's outputs, by name. */
export const interpretOutputs = (program: CaseProgram): Tensors =>
  interpretCase(program, []).outputs;

function interpretCase(program: CaseProgram, steps: readonly Step[]): CaseRun {
  const source = sourceOf(program);
  const sink = new DiagnosticSink();
  const lowered = lower(caseFile, hostOf(source), {}, sink);
  if (lowered === undefined) throw new RefusedProgram(sink.sorted(), source);
  const { context } = lowered;
  const tensors = initialTensors(lowered);
  for (const [path, data] of givenTensors(program)) {
    if (!tensors.has(path)) throw new MissingTensor(path);
    tensors.set(path, data);
  }
  const columns = columnsOf(program);
  const run = (graph: Graph, step: Step, t: number) =>
    interpret(graph, {
      n: samplesOf(program),
      leaf: (role, path) => readLeaf(role, path, { lowered, tensors, columns, step, t }),
    });

  if (program.metrics !== undefined && lowered.training !== null) {
    const { evaluate, readout } = lowered.training;
    for (const { target, data } of run(evaluate, {}, 1).assignments) {
      tensors.set(pathOf(target), data);
    }
    const metrics = [...run(readout, {}, 1).results].map(([name, [value]]) => [name, value!]);
    return { outputs: new Map(), steps: [], metrics: Object.fromEntries(metrics) };
  }
  const predict = simplify(context, canonicalise(context, lowered.predict));
  const { results, assignments } = run(predict, {}, 1);
  for (const { target, data } of assignments) tensors.set(pathOf(target), data);
  const names = program.outputs.map(({ name }) => name);
  const outputs = new Map(names.map((name) => [name, results.get(outputName(name))!]));
  if (lowered.training === null) return { outputs, steps: [] };

  const canonical = canonicalise(context, lowered.training.train);
  const train = simplify(context, differentiate(context, canonical));
  const after = steps.map((step, i): Tensors => {
    for (const { target, data } of run(train, step, i + 1).assignments) {
      tensors.set(pathOf(target), data);
    }
    return new Map(tensors);
  });
  return { outputs, steps: after };
}

const pathOf = ({ node }: Value): string => (node.kind === "leaf" ? node.path : "");

/** What the program starts from; params then take the case's values. */
function initialTensors({ init }: LoweredProgram): Map<string, ArrayLike<number>> {
  return new Map(interpret(init, { n: 1, leaf: () => [] }).results);
}

interface LeafState {
  readonly lowered: LoweredProgram;
  readonly tensors: Tensors;
  readonly columns: ReturnType<typeof columnsOf>;
  readonly step: Step;
  readonly t: number;
}

function readLeaf(
  role: LeafRole,
  path: string,
  { lowered, tensors, columns, step, t }: LeafState,
): ArrayLike<number> {
  switch (role) {
    case "input":
      return (step.columns?.get(path) ?? columns.get(path)!).data;
    case "hyper":
      return [step.learningRate ?? lowered.training!.hypers[path]!];
    case "counter":
      return [path === "t" ? t : t - 1];
    default:
      return tensors.get(path)!;
  }
}
