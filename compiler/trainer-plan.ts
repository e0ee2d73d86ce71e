/** The plan of a trainer: what lowering named and scheduling placed, as the plain data that the runtime reads. */

import type {
  ElementType,
  GraphPlan,
  PersistentTensor,
  TensorPlan,
  TrainerPlan,
} from "../runtime/plan.ts";
import { invariant } from "./diagnostics/diagnostic.ts";
import type { DType } from "./graph/dtype.ts";
import { type Shape, sizeAt } from "./graph/extent.ts";
import type { Leaf, Value } from "./graph/node.ts";
import type { PassesResult } from "./passes.ts";
import type { ScheduledGraph } from "./schedule/schedule-program.ts";
import type { LoweredProgram } from "./semantics/program.ts";

/** Describes a scheduled program for the runtime; `requiredFeatures` are what the kernels need of the processor. */
export function planTrainer(
  lowered: LoweredProgram,
  { scheduled, alternative, stepScalars }: PassesResult,
  target: Pick<TrainerPlan, "target" | "requiredFeatures">,
): TrainerPlan {
  const { batchMax, training } = lowered;
  return {
    format: 1,
    model: lowered.model,
    target: target.target,
    requiredFeatures: target.requiredFeatures,
    batchMax,
    arenas: {
      ...scheduled.arenas,
      temporaries: Math.max(scheduled.arenas.temporaries, alternative?.arenas.temporaries ?? 0),
    },
    columns: lowered.columns,
    inputs: lowered.inputs,
    outputs: lowered.outputs,
    tensors: lowered.persistent.map(({ leaf, role, finalOf }): PersistentTensor => {
      const name = pathOf(leaf);
      const offset = scheduled.persistent.offsets.get(leaf);
      invariant(offset !== undefined, `${name} has no place in memory`);
      const final = finalOf ? { finalOf: pathOf(finalOf) } : {};
      return { name, role, ...tensorOf(leaf, batchMax), offset, ...final };
    }),
    graphs: Object.fromEntries(
      scheduled.graphs.map((graph) => {
        const scalars = stepScalars.get(graph.of)?.results.length ?? 0;
        return [graph.name, planGraph(graph, scalars, batchMax)];
      }),
    ),
    statistics: lowered.statistics.map(({ state, graph }) => ({ state, graph })),
    layers: lowered.layers,
    metrics: training === null ? [] : training.readout.results.map(({ name }) => name),
    hypers: training?.hypers ?? {},
    training: training?.plan ?? null,
    data: lowered.data,
    selfTest: null,
  };
}

function planGraph(graph: ScheduledGraph, scalars: number, batchMax: number): GraphPlan {
  return {
    name: graph.name,
    symbol: graph.symbol,
    scalars,
    columns: graph.columns,
    results: graph.results.map(
      ({ name, value, offset }): TensorPlan => ({ name, ...tensorOf(value, batchMax), offset }),
    ),
  };
}

/** The path of a leaf: its name in plans, checkpoints and generated functions. */
function pathOf(leaf: Value): string {
  return (leaf.node as Leaf).path;
}

function tensorOf({ dtype, shape }: Value, batchMax: number) {
  return { dtype: elementType(dtype), shape: sizes(shape, batchMax) };
}

function elementType(dtype: DType): ElementType {
  invariant(
    dtype !== "f16" && dtype !== "bf16",
    `neither results nor what lasts is kept in ${dtype}`,
  );
  return dtype;
}

function sizes(shape: Shape, batchMax: number): number[] {
  return shape.map((extent) => sizeAt(extent, batchMax));
}
