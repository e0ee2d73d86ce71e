/**
 * A graph scheduled for workgroups and run by the simulator of kernels, which is quick and strict where a device is
 * slow and lets races pass. Arenas start as NaN, so that nothing is read that nobody wrote.
 */

import { elementsAt } from "../../../compiler/graph/extent.ts";
import type { Value } from "../../../compiler/graph/node.ts";
import { removeDeadCode } from "../../../compiler/kernel/dead-code.ts";
import { type Launch, type LaunchTree, launchTrees } from "../../../compiler/kernel/module.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { fillPersistent, type GraphValues, scalarsOf, valuesByName } from "../graph-values.ts";
import { type GraphCase, pathOf, scheduleCase } from "../schedule-case.ts";
import { type Memory, simulateKernel } from "./simulate-kernel.ts";

export interface SimulationOptions {
  readonly target: TargetDescription;
  readonly fusion: boolean;
  readonly subgroup?: number;
  readonly seed?: number;
  readonly batch?: number;
}

const notANumber = 0x7fc00000;

/** Of targets whose memory is words, every element in an arena takes one. */
type View = (arena: ArrayBuffer, dtype: string, offset: number, elements: number) => Memory;

const viewWords: View = (arena, dtype, offset, elements) =>
  new (dtype === "f32" ? Float32Array : Int32Array)(arena, offset, elements);

const viewElements: View = (arena, dtype, offset, elements) =>
  dtype === "u8" || dtype === "bool"
    ? new Uint8Array(arena, offset, elements)
    : viewWords(arena, dtype, offset, elements);

export function simulateGraph(test: GraphCase, options: SimulationOptions): GraphValues {
  const { graph, n, leaf } = test;
  const { target, fusion, subgroup = 1, seed = 0, batch = 0 } = options;
  const scheduled = scheduleCase(test, target, fusion);
  const { program, inputs } = scheduled;
  const arenas = {
    persistent: new ArrayBuffer(program.arenas.persistent),
    temporaries: new ArrayBuffer(program.arenas.temporaries),
    results: new ArrayBuffer(program.arenas.results),
  };
  for (const arena of Object.values(arenas)) new Int32Array(arena).fill(notANumber);
  const view = target.wordsOnly ? viewWords : viewElements;
  const mixesWidths = (target.workgroup?.accessBytes ?? 4) > 4;
  const valueAt = (arena: ArrayBuffer, value: Value, offset: number, rows: number) =>
    view(arena, value.dtype, offset, elementsAt(value.shape, rows));
  fillPersistent(scheduled, test, (value, offset) =>
    valueAt(arenas.persistent, value, offset, graph.batchMax),
  );
  const columns = inputs.map((value): Memory => {
    const data = leaf("input", pathOf(value));
    const elements = Array.from({ length: elementsAt(value.shape, n) }, (_, i) => data[i]!);
    return value.dtype === "f32" ? Float32Array.from(elements) : Int32Array.from(elements);
  });
  const scalarValues = scalarsOf(scheduled, test);
  const [fn] = program.module.functions;
  const runLaunch = (
    { kernel, placements }: Pick<Launch, "kernel" | "placements">,
    steps: readonly number[],
  ): void => {
    const memory = new Map<string, Memory>();
    const scalars = new Map<string, number>();
    kernel.parameters.forEach((parameter, i) => {
      const placement = placements[i]!;
      const { name } = parameter;
      if (placement.kind === "column") memory.set(name, columns[placement.slot]!);
      else if (placement.kind === "scalar") {
        scalars.set(name, Math.fround(scalarValues[placement.slot]!));
      } else if (placement.kind === "step") {
        scalars.set(name, steps[placement.depth]!);
      } else if (parameter.kind === "window") {
        const { dtype, elements } = parameter;
        memory.set(name, view(arenas[placement.arena], dtype, placement.offset, elements));
      }
    });
    const body = removeDeadCode(kernel.body);
    const counters = { seed, batch, subgroup };
    simulateKernel({ ...kernel, body }, { n, memory, scalars, mixesWidths, ...counters });
  };
  const runTrees = (trees: readonly LaunchTree[], steps: readonly number[]): void => {
    for (const tree of trees) {
      if (tree.kind === "launch") runLaunch(fn!.launches[tree.launch]!, steps);
      else for (let t = 0; t < tree.count; t++) runTrees(tree.body, [...steps, t]);
    }
  };
  runTrees(launchTrees(fn!), []);
  return valuesByName(scheduled, (arena, value, offset) =>
    valueAt(arenas[arena], value, offset, n),
  );
}
