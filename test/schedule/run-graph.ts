/**
 * Runs a graph as compiled kernels, one tensor one place, and gives what the interpreter would: what tests of
 * schedules and groups share. The plan here is the simplest there is; the compiler's own is tested elsewhere.
 */

import type { GraphContext } from "../../compiler/graph/context.ts";
import { bytesPerElement } from "../../compiler/graph/dtype.ts";
import { elementsAt } from "../../compiler/graph/extent.ts";
import type { Graph, LeafRole, Value } from "../../compiler/graph/node.ts";
import type { KernelModule, Launch, Placement } from "../../compiler/kernel/module.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import type { GroupedGraph } from "../../compiler/optimize/group.ts";
import type { Binding, ScheduledKernel } from "../../compiler/schedule/kernel-builder.ts";
import { scheduleGroup } from "../../compiler/schedule/schedule-group.ts";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import { runKernels, thisCpu } from "../targets/run-kernels.ts";

export interface GraphRun {
  readonly context: GraphContext;
  readonly graph: Graph;
  readonly n: number;
  readonly leaf: (role: LeafRole, path: string) => ArrayLike<number>;
  readonly fusion: boolean;
  readonly threads?: number;
  readonly cpu?: CpuDescription;
}

export interface GraphOutcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** What each assigned param or state holds afterwards, in the order of the graph's assignments. */
  readonly assignments: readonly ArrayLike<number>[];
  readonly source: string;
  readonly grouped: GroupedGraph;
  readonly module: KernelModule;
}

export interface PlannedGraph {
  readonly grouped: GroupedGraph;
  readonly kernels: readonly ScheduledKernel[];
  readonly module: KernelModule;
  readonly places: ReadonlyMap<Value, Placement>;
  readonly bytes: {
    readonly persistent: number;
    readonly temporaries: number;
    readonly results: number;
  };
  readonly columns: readonly Value[];
  readonly scalars: readonly Value[];
}

/** Groups, schedules and places a graph. */
export function planGraph(
  context: GraphContext,
  graph: Graph,
  cpu: CpuDescription,
  fusion: boolean,
): PlannedGraph {
  const grouped = formGroups(context, graph, cpu, { fusion });
  const { batchMax } = graph;
  const surroundings = {
    stored: grouped.stored,
    batchMax,
    nameOf: ({ node, result }: Value) =>
      node.kind === "leaf" ? node.path : `v${node.id}${result > 0 ? `_${result}` : ""}`,
  };
  const kernels = grouped.groups.map((group) => scheduleGroup(group, surroundings, cpu));
  const sizes = { persistent: 0, temporaries: 0, results: 0 };
  const places = new Map<Value, Placement>();
  const columns: Value[] = [];
  const scalars: Value[] = [];
  const results = new Set(grouped.graph.results.map(({ value }) => value));
  const reserve = (arena: keyof typeof sizes, bytes: number): Placement => {
    const offset = sizes[arena];
    sizes[arena] += Math.ceil((bytes + 64) / 64) * 64;
    return { kind: "arena", arena, offset };
  };
  const bytesOf = (value: Value) =>
    elementsAt(value.shape, batchMax) * bytesPerElement[value.dtype];
  const placeOf = (binding: Binding): Placement => {
    if (binding.kind === "scratch") return reserve("temporaries", binding.scratch.elements * 4);
    const value = binding.kind === "tensor" ? binding.value : binding.leaf;
    const known = places.get(value);
    if (known !== undefined) return known;
    let made: Placement;
    if (binding.kind === "column") made = { kind: "column", slot: columns.push(value) - 1 };
    else if (binding.kind === "scalar") made = { kind: "scalar", slot: scalars.push(value) - 1 };
    else if (value.node.kind === "leaf") made = reserve("persistent", bytesOf(value));
    else made = reserve(results.has(value) ? "results" : "temporaries", bytesOf(value));
    places.set(value, made);
    return made;
  };
  const launches = kernels.map(
    ({ kernel, bindings }): Launch => ({
      kernel,
      placements: bindings.map(placeOf),
      isParallel: true,
    }),
  );
  const module = { model: "test", functions: [{ graph: "run", symbol: "nnc_run", launches }] };
  return { grouped, kernels, module, places, bytes: sizes, columns, scalars };
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array } as const;

function arrayOf(value: Value) {
  const { dtype } = value;
  if (dtype === "f16" || dtype === "bf16") throw new Error(`no memory of ${dtype} here`);
  return arrays[dtype];
}

export async function runGraph({
  context,
  graph,
  n,
  leaf,
  fusion,
  threads = 1,
  cpu = thisCpu(),
}: GraphRun): Promise<GraphOutcome> {
  const planned = planGraph(context, graph, cpu, fusion);
  const { grouped, module, places, bytes, columns, scalars } = planned;
  const elements = (value: Value) => {
    if (value.node.kind !== "leaf") throw new Error("not a leaf");
    return leaf(value.node.role, value.node.path);
  };
  const persistent = new Uint8Array(bytes.persistent);
  for (const [value, place] of places) {
    if (place.kind !== "arena" || place.arena !== "persistent") continue;
    const count = elementsAt(value.shape, graph.batchMax);
    new (arrayOf(value))(persistent.buffer, place.offset, count).set(
      Array.from(elements(value)).slice(0, count),
    );
  }
  const outcome = await runKernels({
    module,
    symbol: "nnc_run",
    cpu,
    threads,
    persistent,
    temporariesBytes: bytes.temporaries + 64,
    resultsBytes: bytes.results + 64,
    columns: columns.map((value) => arrayOf(value).from(Array.from(elements(value)))),
    rows: Array.from({ length: n }, (_, i) => i),
    scalars: scalars.map((value) => elements(value)[0]!),
  });
  const read = (value: Value, from: Value): ArrayLike<number> => {
    const place = places.get(from);
    if (place?.kind !== "arena") throw new Error("a result without a place");
    const memory = place.arena === "results" ? outcome.results : outcome.persistent;
    return new (arrayOf(value))(memory, place.offset, elementsAt(value.shape, n)).slice();
  };
  return {
    results: new Map(grouped.graph.results.map(({ name, value }) => [name, read(value, value)])),
    assignments: grouped.graph.assignments.map(({ target, value }) => read(value, target)),
    source: outcome.source,
    grouped,
    module,
  };
}
