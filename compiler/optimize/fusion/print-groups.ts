/**
 * The textual form of a grouped graph: groups in order of execution, each with its kind, its stages as the
 * graph prints them, where its values live, and why it is what it is.
 *
 *     group 0: contraction
 *       %5: f32[N, 32] = sum[i2 < 784] %3[i0, i2] * %4[i2, i1]      register
 *       %7: f32[N, 32] = maximum(0.0, %5[i0, i1] + %6[i1])          global
 *       # saves 1 value and 32768 bytes
 *       # apart from group 1: their iteration spaces differ
 */

import { graphNodes } from "../../graph/context.ts";
import { nameValues, printAffine, printNode } from "../../graph/print.ts";
import type { Group, GroupedGraph, GroupedLoop } from "../group.ts";

function remarks({ stages, saved, apart }: Group): string[] {
  const { values, bytes } = saved;
  return [
    ...(stages.length > 1
      ? [`saves ${values} value${values === 1 ? "" : "s"} and ${bytes} bytes`]
      : []),
    ...apart.map(({ group, why }) => `apart from group ${group}: ${why}`),
  ];
}

export function printGroups({ graph, order, stored }: GroupedGraph): string {
  const names = nameValues(graphNodes(graph));
  const printGroup = (group: Group): string[] => [
    `group ${group.index}: ${group.kind}`,
    ...(group.scatter === null
      ? []
      : [`  ${group.scatter.part} of ${printNode(group.scatter.node, names)}`]),
    ...group.stages.map((stage) => {
      const scopes = stage.values.map((value) => {
        const target = stored.get(value);
        return target === undefined ? group.scopes.get(value) : `stored in ${names(target)}`;
      });
      return `  ${printNode(stage, names)}   ${scopes.join(", ")}`;
    }),
    ...remarks(group).map((remark) => `  # ${remark}`),
  ];
  const printLoop = ({ scan, body, outside }: GroupedLoop): string[] => [
    `${scan.values.map(names).join(", ")} = scan t${scan.loop} < ${scan.length}`,
    ...[...outside].map(([{ path }, value]) => `  outer ${path} is ${names(value)}`),
    ...printGroups(body)
      .split("\n")
      .map((line) => `  ${line}`),
    ...scan.stacks.map(({ place }, i) => `  stack ${i} at ${printAffine(place)}`),
  ];
  return [
    ...order.flatMap((item) => (item.kind === "loop" ? printLoop(item) : printGroup(item))),
    ...graph.results.map(({ name, value }) => `${name} = ${names(value)}`),
  ].join("\n");
}
