/** Runs a graph's groups through schedules for workgroups on this machine, beside the float64 interpreter. */

import type { GraphContext } from "../../../compiler/graph/context.ts";
import { elementsAt } from "../../../compiler/graph/extent.ts";
import type { Graph, LeafRole, Value } from "../../../compiler/graph/node.ts";
import { removeDeadCode } from "../../../compiler/kernel/dead-code.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";
import { formGroups } from "../../../compiler/optimize/fusion/form-groups.ts";
import type { Group } from "../../../compiler/optimize/group.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import type {
  Binding,
  ScheduledKernel,
  Surroundings,
} from "../../../compiler/schedule/kernel-builder.ts";
import { outsideLoops } from "../../../compiler/schedule/loop-levels.ts";
import { type Memory, simulateKernel } from "./simulate-kernel.ts";

export interface SimulatedGraph {
  readonly context: GraphContext;
  readonly graph: Graph;
  readonly n: number;
  readonly leaf: (role: LeafRole, path: string) => ArrayLike<number>;
}

export type Schedule = (
  group: Group,
  surroundings: Surroundings,
  target: TargetDescription,
) => ScheduledKernel;

export interface Simulation {
  readonly groups: readonly Group[];
  readonly kernels: readonly ScheduledKernel[];
  readonly results: ReadonlyMap<string, Memory>;
  readonly assignments: ReadonlyMap<string, Memory>;
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array } as const;

export function simulateGraph(
  { context, graph, n, leaf }: SimulatedGraph,
  target: TargetDescription,
  schedule: Schedule,
  fusion = true,
): Simulation {
  const grouped = formGroups(context, graph, target, { fusion });
  const { batchMax } = graph;
  const surroundings = outsideLoops(context, grouped);
  const memory = new Map<unknown, Memory>();
  const memoryOf = (binding: Binding): Memory => {
    if (binding.kind === "step") throw new Error("groups of loops are not simulated alone");
    const key =
      "value" in binding ? binding.value : "scratch" in binding ? binding.scratch : binding.leaf;
    const known = memory.get(key);
    if (known !== undefined) return known;
    let made: Memory;
    if (binding.kind === "scratch")
      made = new Float32Array(binding.scratch.elements).fill(Number.NaN);
    else made = makeMemory(key as Value, batchMax, leaf);
    memory.set(key, made);
    return made;
  };
  const kernels = grouped.groups.map((group) => {
    const scheduled = schedule(group, surroundings, target);
    const kernel = { ...scheduled.kernel, body: removeDeadCode(scheduled.kernel.body) };
    verifyKernel(kernel);
    const windows = new Map<string, Memory>();
    const scalars = new Map<string, number>();
    scheduled.bindings.forEach((binding, i) => {
      const { name } = kernel.parameters[i]!;
      if (binding.kind === "scalar") {
        const { node } = binding.leaf;
        if (node.kind === "leaf") scalars.set(name, leaf(node.role, node.path)[0]!);
      } else windows.set(name, memoryOf(binding));
    });
    const mixesWidths = (target.workgroup?.accessBytes ?? 4) > 4;
    simulateKernel(kernel, { n, memory: windows, scalars, mixesWidths });
    return { ...scheduled, kernel };
  });
  const read = (value: Value): Memory =>
    memory.get(value)!.slice(0, elementsAt(value.shape, n)) as Memory;
  return {
    groups: grouped.groups,
    kernels,
    results: new Map(grouped.graph.results.map(({ name, value }) => [name, read(value)])),
    assignments: new Map(
      grouped.graph.assignments.map(({ target: { node }, target: value }) => [
        node.kind === "leaf" ? node.path : "",
        read(value),
      ]),
    ),
  };
}

function makeMemory(value: Value, batchMax: number, leaf: SimulatedGraph["leaf"]): Memory {
  const { node, dtype, shape } = value;
  if (dtype === "f16" || dtype === "bf16") throw new Error(`no arrays of ${dtype}`);
  const made = new arrays[dtype](elementsAt(shape, batchMax));
  if (node.kind === "leaf") {
    const data = leaf(node.role, node.path);
    for (let i = 0; i < Math.min(made.length, data.length); i++) made[i] = data[i]!;
  } else if (dtype === "f32") made.fill(Number.NaN);
  return made;
}
