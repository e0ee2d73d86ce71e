/** A graph with data for its leaves, scheduled for a target: what is compiled and run, on whatever device. */

import type { GraphContext } from "../../compiler/graph/context.ts";
import { reachableNodes } from "../../compiler/graph/context.ts";
import type { Graph, LeafRole, Value } from "../../compiler/graph/node.ts";
import { verifyModule } from "../../compiler/kernel/verify.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import type { GroupedGraph } from "../../compiler/optimize/group.ts";
import type { TargetDescription } from "../../compiler/optimize/target-description.ts";
import {
  ProgramSchedule,
  type ScheduledProgram,
} from "../../compiler/schedule/schedule-program.ts";
import type { ElementType } from "../../runtime/plan.ts";

export interface GraphCase {
  readonly context: GraphContext;
  readonly graph: Graph;
  readonly n: number;
  readonly leaf: (role: LeafRole, path: string) => ArrayLike<number>;
}

export interface ScheduledCase {
  readonly grouped: GroupedGraph;
  readonly program: ScheduledProgram;
  readonly leaves: readonly Value[];
  readonly persistent: readonly Value[];
  readonly inputs: readonly Value[];
}

/** The only graph of a program, verified. */
export function scheduleCase(
  { context, graph }: Pick<GraphCase, "context" | "graph">,
  target: TargetDescription,
  fusion: boolean,
): ScheduledCase {
  const grouped = formGroups(context, graph, target, { fusion });
  const leaves = leavesOf(graph);
  const persistent = leaves.filter((value) => ["param", "state"].includes(roleOf(value)));
  const inputs = leaves.filter((value) => roleOf(value) === "input");
  const schedule = new ProgramSchedule(context, target, {
    model: "test",
    batchMax: graph.batchMax,
    persistent: persistent.map((value) => ({
      leaf: value,
      role: roleOf(value) === "param" ? "param" : "state",
      trainable: true,
      span: { file: "test.nn", start: 0, end: 0 },
    })),
    columns: inputs.map((value) => ({
      name: pathOf(value),
      dtype: value.dtype as ElementType,
      shape: value.shape.slice(1).map((extent) => extent.constant),
    })),
    joinLaunches: fusion,
    locate: ({ file, start }) => `${file}:${start}`,
  });
  schedule.add(grouped);
  const program = schedule.soFar();
  verifyModule(program.module);
  return { grouped, program, leaves, persistent, inputs };
}

function leavesOf(graph: Graph): Value[] {
  const roots = [
    ...graph.results.map(({ value }) => value),
    ...graph.assignments.flatMap(({ target, value }) => [target, value]),
  ];
  return reachableNodes(roots).flatMap((node) => (node.kind === "leaf" ? [node.values[0]] : []));
}

export function pathOf({ node }: Value): string {
  return node.kind === "leaf" ? node.path : "";
}

export function roleOf({ node }: Value): LeafRole {
  return node.kind === "leaf" ? node.role : "state";
}
