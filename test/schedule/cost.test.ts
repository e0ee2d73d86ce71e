/** Predicted times count products by the units that compute them. */

import { expect, test } from "vitest";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import { predictedTime } from "../../compiler/schedule/cost.ts";
import type { Precision } from "../../compiler/semantics/precision.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { productCase } from "./contraction-cases.ts";
import { withNarrowOperands } from "./workgroup/matrix-cases.ts";

const points = 2048;

function timeOf(precision: Precision, columns: number, isNarrow = false) {
  const sizes = { m: points, k: points, n: columns };
  const made = productCase({ letters: "mk,kn->mn", sizes });
  const { context, graph } = isNarrow ? withNarrowOperands(made, "bf16") : made;
  const target = describeCuda({ precision });
  const [group] = formGroups(context, graph, target, { fusion: true }).groups;
  return { ...predictedTime(group!, 1, target), target };
}

test("products on matrix units take their time", () => {
  const { seconds, boundBy, target } = timeOf("bf16", points, true);
  expect(boundBy).toBe("arithmetic");
  expect(seconds).toBeCloseTo((2 * points ** 3) / target.workgroup!.matrix!.peakFlops, 9);
});

test("products that are not for them take that of plain multiply-adds", () => {
  for (const { seconds, target } of [timeOf("f32", points), timeOf("bf16", points)]) {
    expect(seconds).toBeCloseTo((2 * points ** 3) / target.peakFlops, 9);
  }
});
