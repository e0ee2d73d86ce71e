/** What happens to the sums of tiles: short and long maps, dropout, optimizer updates, partial tiles and batches. */

import { expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { scheduleGroup } from "../../../compiler/schedule/schedule-group.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import type { ProductCase } from "../contraction-cases.ts";
import { adam, dense } from "./epilogue-cases.ts";
import { simulateGraph } from "./simulate-group.ts";

function check(
  { context, graph, n, leaf }: ProductCase,
  groups: readonly (readonly [string, number])[],
) {
  const wanted = interpret(graph, { n, leaf });
  const actual = simulateGraph({ context, graph, n, leaf }, describeWgsl(), scheduleGroup);
  expect(actual.groups.map(({ kind, stages }) => [kind, stages.length])).toEqual(groups);
  const compare = (name: string, data: ArrayLike<number>, found: ArrayLike<number>) => {
    expect(found.length, name).toBe(data.length);
    for (let i = 0; i < data.length; i++) {
      const bound = 1e-5 * Math.max(1, Math.abs(data[i]!));
      expect(Math.abs(found[i]! - data[i]!), `${name}[${i}]`).toBeLessThan(bound);
    }
  };
  for (const [name, data] of wanted.results) compare(name, data, actual.results.get(name)!);
  for (const { target, data } of wanted.assignments) {
    const path = target.node.kind === "leaf" ? target.node.path : "";
    compare(path, data, actual.assignments.get(path)!);
  }
}

test.each([
  [20, 10, 5, 9],
  [7, 33, 4, 4],
])("a layer of %i to %i with dropout, N = %i of %i", (inputs, outputs, n, batchMax) => {
  check(
    dense(inputs, outputs, n, batchMax, (f, x) => f.call("maximum", f.number(0), x)),
    [["contraction", 3]],
  );
});

test("a long activation, in loops over the outputs", () => {
  check(
    dense(9, 20, 6, 10, (f, x) => f.multiply(x, f.call("erf", f.call("tanh", x)))),
    [["contraction", 3]],
  );
});

test.each([
  [17, 10, 5, 8],
  [64, 12, 20, 20],
  [9, 70, 1, 3],
])("Adam's update of w[%i, %i], N = %i of %i", (inputs, outputs, n, batchMax) => {
  check(adam(inputs, outputs, n, batchMax), [["contraction", 4]]);
});
