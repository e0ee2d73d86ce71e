/** Which products warpgroups compute, in which tiles, and how their operands are seen as boxes. */

import { describe, expect, test } from "vitest";
import type { Compute } from "../../../compiler/graph/node.ts";
import { formGroups } from "../../../compiler/optimize/fusion/form-groups.ts";
import { tiledContraction } from "../../../compiler/optimize/fusion/tiled-contraction.ts";
import type { MatrixUnits } from "../../../compiler/optimize/target-description.ts";
import { boxesOf } from "../../../compiler/schedule/workgroup/hopper-operand.ts";
import {
  chooseHopperTile,
  type HopperPlan,
  planHopperContraction,
} from "../../../compiler/schedule/workgroup/hopper-plan.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import { withNarrowOperands } from "./matrix-cases.ts";

const noMaps = { epilogueBytes: () => 0, outputSeconds: 4 / 113e9 };

function unitsOf(operands: MatrixUnits["operands"]): MatrixUnits {
  return describeCuda({ precision: operands, architecture: "sm_90a" }).workgroup!.matrix!;
}

function planOf(each: Case, operands: MatrixUnits["operands"] = "bf16"): HopperPlan | undefined {
  const product = productCase(each);
  const { context, graph } = operands === "tf32" ? product : withNarrowOperands(product, operands);
  const target = describeCuda({ precision: operands, architecture: "sm_90a" });
  const stages = formGroups(context, graph, target, { fusion: true }).groups.flatMap(
    (group) => group.stages,
  );
  const contraction = stages.map((node: Compute) => tiledContraction(node, graph.batchMax));
  const found = contraction.find((each) => each !== undefined)!;
  return planHopperContraction(found, unitsOf(operands), { concurrency: 132 }, noMaps);
}

describe("tiles", () => {
  const choice = { ...noMaps, depth: 64, boxColumns: 1, concurrency: 132, units: unitsOf("bf16") };
  test.each([
    [
      [8192, 8192, 8192, 1],
      [2, 256, 4],
    ],
    [
      [2048, 2048, 2048, 1],
      [2, 256, 4],
    ],
    [
      [256, 256, 1024, 1],
      [1, 32, 6],
    ],
    [
      [64, 8192, 4096, 1],
      [1, 128, 6],
    ],
    [
      [128, 64, 64, 512],
      [2, 64, 6],
    ],
  ] as const)("of %j", ([rows, columns, sum, outer], [consumers, width, stages]) => {
    const tile = chooseHopperTile({ rows, columns, sum, outer }, choice);
    expect(tile).toEqual({ consumers, columns: width, stages });
  });

  test("have whole boxes of a transposed right operand", () => {
    const sizes = { rows: 256, columns: 256, sum: 1024, outer: 1 };
    const tile = chooseHopperTile(sizes, { ...choice, boxColumns: 64 });
    expect(tile).toEqual({ consumers: 1, columns: 64, stages: 6 });
    const product = { letters: "mk,kn->mn", sizes: { m: 256, k: 1024, n: 32 } } as const;
    expect(planOf(product)).toMatchObject({ columns: 64, right: { boxes: 1, lines: 64 } });
  });

  test("leave room for maps that pass through shared memory", () => {
    const sizes = { rows: 8192, columns: 8192, sum: 8192, outer: 1 };
    const epilogueBytes = (rows: number, columns: number) => 2 * rows * (columns + 8);
    const tile = chooseHopperTile(sizes, { ...choice, epilogueBytes })!;
    const panels = 128 * (64 * tile.consumers + tile.columns) * tile.stages;
    const bytes = panels + epilogueBytes(64 * tile.consumers, tile.columns);
    expect(bytes).toBeLessThanOrEqual(choice.units.sharedBytes - 2048);
  });
});

describe("operands", () => {
  test("along the sum are boxes of as many lines as the tile has rows", () => {
    const plan = planOf({ letters: "mk,nk->mn", sizes: { m: 4096, k: 1024, n: 4096 } })!;
    expect(plan.left).toMatchObject({ boxes: 1, lines: 128, stepElements: 16 });
    expect(boxesOf(plan.right.operand, plan.right.lines, "bf16")).toEqual({
      extents: [
        { batch: 0, constant: 1024 },
        { batch: 0, constant: 4096 },
      ],
      strides: [1, 1024],
      box: [64, 256],
      swizzleBytes: 128,
      roundsToTf32: false,
    });
  });

  test("across the sum are boxes of 64 rows, and follow the batch", () => {
    const sizes = { m: 4096, k: "N", n: 4096 } as const;
    const plan = planOf({ letters: "km,kn->mn", sizes, batch: [1, 512] })!;
    expect(plan.left).toMatchObject({ boxes: 2, lines: 64, boxRows: 64, stepElements: 1024 });
    expect(plan.rightBytes).toBe(8192);
    expect(boxesOf(plan.left.operand, plan.left.lines, "bf16")).toMatchObject({
      extents: [
        { batch: 0, constant: 4096 },
        { batch: 1, constant: 0 },
      ],
      box: [64, 64],
    });
  });

  test("of sums cut into chunks have chunk and place as one axis", () => {
    const sizes = { m: 64, k: "N", n: 64 } as const;
    const plan = planOf({ letters: "km,kn->mn", sizes, batch: [1, 4000] })!;
    const [, sum] = plan.left.operand.axes;
    expect(sum!.extent).toEqual({ batch: 1, constant: 0 });
    expect(sum!.parts.map(({ coefficient }) => coefficient).sort()).toEqual([1, 128]);
  });

  test("of several matrices have further axes", () => {
    const sizes = { b: 12, m: 128, k: 64, n: 128 };
    const plan = planOf({ letters: "mbk,nbk->bmn", sizes })!;
    expect(boxesOf(plan.left.operand, plan.left.lines, "bf16")).toMatchObject({
      strides: [1, 768, 64],
      box: [64, plan.rows, 1],
    });
  });
});

describe("others are not for boxes", () => {
  test.each<[string, Case, MatrixUnits["operands"]]>([
    ["rows not 16 bytes apart", { letters: "mk,nk->mn", sizes: { m: 64, k: 68, n: 64 } }, "bf16"],
    ["transposed tf32", { letters: "mk,kn->mn", sizes: { m: 64, k: 64, n: 64 } }, "tf32"],
    ["few rows", { letters: "mk,nk->mn", sizes: { m: 8, k: 64, n: 64 } }, "bf16"],
  ])("%s", (_name, each, operands) => {
    expect(planOf(each, operands)).toBeUndefined();
  });

  test("operands that are not of the unit's type in memory", () => {
    const { graph } = productCase({ letters: "mk,nk->mn", sizes: { m: 64, k: 64, n: 64 } });
    const contraction = tiledContraction(graph.results[0]!.value.node as Compute, 1)!;
    const units = unitsOf("bf16");
    expect(planHopperContraction(contraction, units, { concurrency: 132 }, noMaps)).toBeUndefined();
  });
});
