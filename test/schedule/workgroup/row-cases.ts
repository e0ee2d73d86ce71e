/** Graphs of rows with data, their kernels, and what they give on workgroups beside the interpreter. */

import { expect } from "vitest";
import { batchExtent, fixed, type Shape } from "../../../compiler/graph/extent.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import type { Assignment, Graph, Value } from "../../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../../compiler/graph/threefry.ts";
import { removeDeadCode } from "../../../compiler/kernel/dead-code.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import type { Builder } from "../../optimize/build.ts";
import { type GraphCase, scheduleCase } from "../schedule-case.ts";
import { simulateGraph } from "./simulate-graph.ts";

export const rank2 = (columns: number): Shape => [batchExtent, fixed(columns)];

export interface Written {
  readonly values?: Readonly<Record<string, Value>>;
  readonly assignments?: readonly Assignment[];
  readonly n?: number;
  readonly batchMax?: number;
}

export function caseOf(builder: Builder, written: Written): GraphCase {
  const { values = {}, assignments = [], n = 5, batchMax = 7 } = written;
  const results = Object.entries(values).map(([name, value]) => ({ name, value }));
  const graph: Graph = { name: "rows", batchMax, results, assignments };
  const leaf = (_role: string, path: string) => {
    const stream = hash32(path);
    return Float64Array.from({ length: 10_000 }, (_, i) =>
      Math.fround(4 * uniformAt(1, stream, 0, i) - 2),
    );
  };
  return { context: builder.context, graph, n, leaf };
}

export function kernelsOf(test: GraphCase, target: TargetDescription = describeWgsl()): string[] {
  const { program } = scheduleCase(test, target, true);
  return program.module.functions[0]!.launches.map(({ kernel }) =>
    printKernel({ ...kernel, body: removeDeadCode(kernel.body) }),
  );
}

export function check(test: GraphCase, target: TargetDescription, subgroup = 1): void {
  const wanted = interpret(test.graph, test);
  for (const fusion of [false, true]) {
    const actual = simulateGraph(test, { target, fusion, subgroup });
    for (const [name, data] of wanted.results) {
      expectNear(actual.results.get(name)!, data, name);
    }
    for (const { target: to, data } of wanted.assignments) {
      const path = to.node.kind === "leaf" ? to.node.path : "";
      expectNear(actual.assignments.get(path)!, data, path);
    }
  }
}

export function expectNear(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  name: string,
): void {
  expect(actual.length, name).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const bound = 1e-4 * Math.max(1, Math.abs(wanted[i]!));
    const isSame = Object.is(actual[i], wanted[i]) || Math.abs(actual[i]! - wanted[i]!) <= bound;
    if (!isSame) expect.fail(`${name}[${i}] is ${actual[i]}, not ${wanted[i]}`);
  }
}
