/** Convolutions of all kinds, their input and their weight gradients, as workgroups compute them. */

import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { scheduleGroup } from "../../../compiler/schedule/schedule-group.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { type ConvolutionCase, convolutionGraph } from "./convolution-cases.ts";
import { simulateGraph } from "./simulate-group.ts";

const cases: Readonly<Record<string, ConvolutionCase>> = {
  "of one axis": { size: [9], kernel: [3], channels: [4, 5], batch: [2, 3] },
  padded: { size: [6, 5], kernel: [3, 3], padding: 1, channels: [4, 8], batch: [2, 2] },
  strided: { size: [7, 6], kernel: [3, 2], stride: 2, channels: [4, 5], batch: [1, 2] },
  "strided and padded": {
    size: [8, 8],
    kernel: [3, 3],
    stride: 2,
    padding: 1,
    channels: [4, 4],
    batch: [2, 2],
  },
  "dilated and padded": {
    size: [7, 7],
    kernel: [3, 3],
    dilation: 2,
    padding: 2,
    channels: [4, 6],
    batch: [1, 1],
  },
  "of three axes": {
    size: [4, 3, 5],
    kernel: [2, 2, 3],
    padding: 1,
    channels: [4, 5],
    batch: [1, 1],
  },
  grouped: {
    size: [5, 5],
    kernel: [3, 3],
    padding: 1,
    channels: [8, 8],
    groups: 2,
    batch: [2, 2],
  },
  pointwise: { size: [5, 4], kernel: [1, 1], channels: [6, 7], batch: [2, 3] },
};

describe("a convolution equals the interpreter", () => {
  test.each(Object.entries(cases))("%s", (_, spec) => {
    const { context, graph, n, leaf } = convolutionGraph(spec);
    const expected = interpret(graph, { n, leaf }).results;
    const { groups, results } = simulateGraph(
      { context, graph, n, leaf },
      describeWgsl(),
      scheduleGroup,
      false,
    );
    expect(groups.map(({ kind }) => kind)).toEqual(["contraction", "contraction", "contraction"]);
    for (const [name, data] of expected) {
      const actual = results.get(name)!;
      expect(actual.length, name).toBe(data.length);
      let worst = 0;
      data.forEach((value, i) => {
        worst = Math.max(worst, Math.abs(value - actual[i]!));
      });
      expect(worst, name).toBeLessThan(1e-5);
    }
  });
});
