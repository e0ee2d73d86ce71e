/** Which tiles shapes get, what they take of a workgroup, and where four elements are read at once. */

import { describe, expect, test } from "vitest";
import type { GraphContext } from "../../../compiler/graph/context.ts";
import { graphNodes } from "../../../compiler/graph/context.ts";
import type { Compute, Graph } from "../../../compiler/graph/node.ts";
import { tiledContraction } from "../../../compiler/optimize/fusion/tiled-contraction.ts";
import {
  type ContractionSizes,
  panelElements,
  planTile,
  planWorkgroupContraction,
  type WorkgroupPlan,
} from "../../../compiler/schedule/workgroup/contraction-plan.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import { convolutionGraph } from "./convolution-cases.ts";

const description = describeWgsl();
const workgroup = description.workgroup!;
const target = { ...description, workgroup };

/** `64×32×16 by 128 threads of 4×4`. */
function tileOf(rows: number, columns: number, sum: number, outer = 1): string {
  const sizes: ContractionSizes = { rows, columns, sum, outer };
  const { down, across, threadRows, threadColumns, depth } = planTile(sizes, 4, target).tile;
  const shape = `${down * threadRows}×${across * threadColumns}×${depth}`;
  return `${shape} by ${down * across} threads of ${threadRows}×${threadColumns}`;
}

describe("tiles", () => {
  test("are large where the result is", () => {
    expect(tileOf(4096, 4096, 4096)).toBe("128×64×16 by 256 threads of 8×4");
    expect(tileOf(65536, 64, 288)).toBe("128×64×16 by 256 threads of 8×4");
    expect(tileOf(128, 128, 64, 96)).toBe("128×64×16 by 256 threads of 8×4");
  });

  test("are small where large ones would leave most of the device idle", () => {
    expect(tileOf(256, 512, 784)).toBe("64×32×32 by 128 threads of 4×4");
    expect(tileOf(784, 32, 128)).toBe("32×16×32 by 128 threads of 1×4");
    expect(tileOf(128, 10, 32)).toBe("32×8×32 by 64 threads of 1×4");
  });

  test("stay within what every device has", () => {
    for (const letters of ["mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->mn"]) {
      for (const sizes of [
        { m: 4, n: 4, k: 2 },
        { m: 100, n: 1000, k: 99 },
        { m: 1024, n: 1024, k: 1024 },
        { m: 10, n: 4000, k: 500 },
      ]) {
        const plan = planOf({ letters, sizes });
        const { threadRows, threadColumns } = plan.tile;
        expect(plan.threads).toBeLessThanOrEqual(workgroup.threads);
        expect(Math.log2(plan.threads) % 1).toBe(0);
        const bytes = 4 * (panelElements(plan.left) + panelElements(plan.right));
        expect(bytes).toBeLessThanOrEqual(workgroup.sharedBytes);
        const registers = threadRows * threadColumns + threadRows + threadColumns;
        expect(registers).toBeLessThanOrEqual(workgroup.registers);
      }
    }
  });
});

function planOf(each: Case): WorkgroupPlan {
  return onlyPlan(productCase(each));
}

function plansOf({ graph }: { readonly context: GraphContext; readonly graph: Graph }) {
  return graphNodes(graph)
    .filter((node): node is Compute => node.kind === "compute")
    .map((node) => tiledContraction(node, graph.batchMax)!)
    .map((contraction) => planWorkgroupContraction(contraction, target, { mayBeWide: () => true }));
}

function onlyPlan(graph: { readonly context: GraphContext; readonly graph: Graph }): WorkgroupPlan {
  const [plan, ...others] = plansOf(graph);
  expect(others).toEqual([]);
  return plan!;
}

describe("operands are read by fours", () => {
  const wide = (each: Case) => {
    const { left, right } = planOf(each);
    return [left.isWide, right.isWide];
  };

  test("where they lie side by side from multiples of four on", () => {
    const sizes = { m: 1024, n: 1024, k: 1024 };
    expect(wide({ letters: "mk,kn->mn", sizes })).toEqual([true, true]);
    expect(wide({ letters: "mk,nk->mn", sizes })).toEqual([true, true]);
    expect(wide({ letters: "km,kn->mn", sizes })).toEqual([true, true]);
    const batch = [5, 1024] as const;
    expect(wide({ letters: "mk,kn->mn", sizes: { ...sizes, m: "N" }, batch })).toEqual([
      true,
      true,
    ]);
    expect(wide({ letters: "km,kn->mn", sizes: { ...sizes, k: "N" }, batch })).toEqual([
      true,
      true,
    ]);
  });

  test("and not where lines are no multiple of four, or the batch runs through memory", () => {
    expect(wide({ letters: "mk,kn->mn", sizes: { m: 64, n: 64, k: 63 } })).toEqual([false, true]);
    expect(wide({ letters: "mk,kn->mn", sizes: { m: 64, n: 10, k: 64 } })).toEqual([true, false]);
  });

  test("through padding along the channels of a convolution", () => {
    const spec = { size: [28, 28], kernel: [3, 3], padding: 1, batch: [16, 16] } as const;
    const wideOf = (channels: readonly [number, number]) =>
      plansOf(convolutionGraph({ ...spec, channels })).map(({ left, right }) => [
        left.isWide,
        right.isWide,
      ]);
    // Forward, weight gradient, input gradient. The second has few outputs: less than four rows a thread.
    expect(wideOf([32, 64])).toEqual([
      [true, true],
      [false, true],
      [true, true],
    ]);
    expect(wideOf([5, 64])[0]).toEqual([false, true]);
  });
});
