/** Which tiles shapes get where panels are copied while threads compute, and how they lie. */

import { describe, expect, test } from "vitest";
import { fixed } from "../../../compiler/graph/extent.ts";
import { chunksOf } from "../../../compiler/optimize/fusion/split-contractions.ts";
import { tiledContraction } from "../../../compiler/optimize/fusion/tiled-contraction.ts";
import {
  panelElements,
  planTile,
  planWorkgroupContraction,
  type WorkgroupPlan,
} from "../../../compiler/schedule/workgroup/contraction-plan.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { type Case, productCase } from "../contraction-cases.ts";

const description = describeCuda();
const workgroup = description.workgroup!;
const target = { ...description, workgroup };

/** How many chunks a sum is cut into, the tile of each, and how many tiles that makes. */
function cutOf(rows: number, columns: number, sum: number): string {
  const node = { parallel: [fixed(rows), fixed(columns)], reduction: [fixed(sum)] };
  const chunks = chunksOf(node, 1, target);
  const sizes = { rows, columns, sum: Math.ceil(sum / chunks), outer: chunks };
  const { tile, stages } = planTile(sizes, 4, target);
  const { down, across, threadRows, threadColumns, depth } = tile;
  const [height, width] = [down * threadRows, across * threadColumns];
  const tiles = chunks * Math.ceil(rows / height) * Math.ceil(columns / width);
  const threads = `${down * across} threads of ${threadRows}×${threadColumns}`;
  return `${chunks} × ${tiles / chunks} of ${height}×${width}×${depth}·${stages} by ${threads}`;
}

describe("tiles", () => {
  test("are of 128 by 128 with eight by eight sums a thread where there are enough of them", () => {
    const large = "128×128×16·2 by 256 threads of 8×8";
    expect(cutOf(8192, 8192, 8192)).toBe(`1 × 4096 of ${large}`);
    expect(cutOf(4096, 4096, 4096)).toBe(`1 × 1024 of ${large}`);
    expect(cutOf(2048, 2048, 2048)).toBe(`1 × 256 of ${large}`);
    expect(cutOf(256, 256, 65536)).toBe(`64 × 4 of ${large}`);
  });

  test("keep 132 multiprocessors busy with small shapes, of long sums by cutting them", () => {
    const tilesOf = (rows: number, columns: number, sum: number) => {
      const [chunks, tiles] = cutOf(rows, columns, sum).match(/\d+/g)!.map(Number);
      return chunks! * tiles!;
    };
    expect(tilesOf(128, 512, 784)).toBeGreaterThanOrEqual(128);
    expect(tilesOf(784, 512, 128)).toBeGreaterThanOrEqual(128);
    expect(tilesOf(128, 784, 512)).toBeGreaterThanOrEqual(96);
    expect(tilesOf(1024, 1024, 1024)).toBeGreaterThanOrEqual(128);
    expect(tilesOf(512, 512, 512)).toBeGreaterThanOrEqual(128);
    // There is nothing to do in more of them.
    expect(cutOf(128, 10, 32)).toBe("1 × 4 of 32×16×32·3 by 128 threads of 1×4");
  });
});

function planOf(each: Case): WorkgroupPlan {
  const { graph } = productCase(each);
  const { node } = graph.results[0]!.value;
  const contraction = node.kind === "compute" ? tiledContraction(node, graph.batchMax) : undefined;
  return planWorkgroupContraction(contraction!, target, { mayBeWide: () => true });
}

test("rings stay within shared memory and registers", () => {
  for (const letters of ["mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->mn"]) {
    for (const sizes of [
      { m: 4, n: 4, k: 2 },
      { m: 100, n: 1000, k: 99 },
      { m: 1024, n: 1024, k: 1024 },
      { m: 4096, n: 4096, k: 512 },
      { m: 10, n: 4000, k: 500 },
    ]) {
      const { tile, stages, left, right } = planOf({ letters, sizes });
      const bytes = 4 * stages * (panelElements(left) + panelElements(right));
      expect(bytes).toBeLessThanOrEqual(workgroup.sharedBytes);
      expect(stages).toBeGreaterThan(1);
      const { threadRows, threadColumns } = tile;
      const registers = threadRows * threadColumns + threadRows + threadColumns;
      expect(registers).toBeLessThanOrEqual(workgroup.registers);
    }
  }
});

test("panels of large tiles run along rows and columns, so that a point of the sum is four reads", () => {
  for (const letters of ["mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->mn"]) {
    const { left, right, blockAcross } = planOf({ letters, sizes: { m: 2048, n: 2048, k: 2048 } });
    expect([left.quads, right.quads]).toEqual(["width", "width"]);
    expect(left.isWide).toBe(letters.startsWith("km"));
    expect(right.isWide).toBe(letters.includes(",kn"));
    expect(blockAcross).toBe(8);
  }
});
