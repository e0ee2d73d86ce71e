/** Which tiles products on matrix units get, and how their operands get there. */

import { describe, expect, test } from "vitest";
import { graphNodes } from "../../../compiler/graph/context.ts";
import type { Compute, Graph } from "../../../compiler/graph/node.ts";
import { tiledContraction } from "../../../compiler/optimize/fusion/tiled-contraction.ts";
import {
  isForMatrixUnits,
  planMatrixContraction,
} from "../../../compiler/schedule/workgroup/matrix-plan.ts";
import type {
  MatrixPlan,
  MatrixTarget,
} from "../../../compiler/schedule/workgroup/matrix-shape.ts";
import { registersOf, sharedBytesOf } from "../../../compiler/schedule/workgroup/matrix-time.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import { type ConvolutionCase, convolutionGraph } from "./convolution-cases.ts";
import { withNarrowOperands, withRoundedOperands } from "./matrix-cases.ts";

function targetOf(precision: "tf32" | "bf16"): MatrixTarget {
  return describeCuda({ precision }) as MatrixTarget;
}

function contractionsOf(graph: Graph) {
  const nodes = graphNodes(graph).filter((node): node is Compute => node.kind === "compute");
  return nodes.flatMap((node) => tiledContraction(node, graph.batchMax) ?? []);
}

function planOf(each: Case, precision: "tf32" | "bf16" = "bf16"): MatrixPlan {
  const made = productCase(each);
  const { graph } = precision === "tf32" ? made : withNarrowOperands(made, precision);
  const [contraction] = contractionsOf(graph);
  return planMatrixContraction(contraction!, targetOf(precision), { besides: () => 0 });
}

/** `128×256×32, 3 stages, 2×4 subgroups of 64×64`. */
function print({ tile, stages, left, right }: MatrixPlan): string {
  const { rows, columns, down, across, depth } = tile;
  const subgroups = `${down}×${across} subgroups of ${rows}×${columns}`;
  return `${left.width}×${right.width}×${depth}, ${stages} stages, ${subgroups}`;
}

function product(m: number, k: number, n: number, letters = "mk,kn->mn"): Case {
  return { letters, sizes: { m, k, n } };
}

const sizes = [
  [16, 16, 8],
  [100, 99, 1000],
  [8192, 8192, 8192],
  [10, 500, 4000],
] as const;

describe("tiles", () => {
  test.each([
    ["bf16", product(4096, 4096, 4096), "128×256×32, 3 stages, 2×4 subgroups of 64×64"],
    ["tf32", product(4096, 4096, 4096), "128×256×16, 3 stages, 2×4 subgroups of 64×64"],
    ["bf16", product(65536, 576, 64), "256×64×64, 2 stages, 4×2 subgroups of 64×32"],
  ] as const)("are large where the result is: %s %j", (precision, each, plan) => {
    expect(print(planOf(each, precision))).toBe(plan);
  });

  test.each([
    ["bf16", product(1024, 1024, 1024), "64×128×64, 3 stages, 2×4 subgroups of 32×32"],
    ["bf16", product(128, 784, 512), "16×32×64, 4 stages, 1×4 subgroups of 16×8"],
    ["tf32", product(784, 128, 512), "64×64×32, 4 stages, 2×4 subgroups of 32×16"],
    ["bf16", product(512, 128, 10), "16×8×64, 4 stages, 1×1 subgroups of 16×8"],
  ] as const)(
    "are small where large ones would leave most idle: %s %j",
    (precision, each, plan) => {
      expect(print(planOf(each, precision))).toBe(plan);
    },
  );

  test("stay within what a multiprocessor has", () => {
    for (const precision of ["bf16", "tf32"] as const) {
      for (const letters of ["mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->mn"]) {
        for (const [m, k, n] of sizes) {
          const plan = planOf(product(m, k, n, letters), precision);
          const { sharedBytes } = targetOf(precision).workgroup.matrix;
          expect(sharedBytesOf(plan, plan.dtype)).toBeLessThanOrEqual(sharedBytes);
          expect(registersOf(plan)).toBeLessThanOrEqual(240);
          expect(plan.threads).toBeLessThanOrEqual(256);
        }
      }
    }
  });

  test("leave room for what comes after them", () => {
    const [contraction] = contractionsOf(productCase(product(4096, 4096, 4096)).graph);
    const besides = () => 40_000;
    const plan = planMatrixContraction(contraction!, targetOf("tf32"), { besides });
    const { sharedBytes } = targetOf("tf32").workgroup.matrix;
    expect(sharedBytesOf(plan, plan.dtype) + 40_000).toBeLessThanOrEqual(sharedBytes);
  });
});

describe("operands", () => {
  const accessOf = ({ lines, run, isAsync }: MatrixPlan["left"]) =>
    `${run} along ${lines}${isAsync ? "" : ", by registers"}`;
  const accesses = (plan: MatrixPlan) => [accessOf(plan.left), accessOf(plan.right)];

  test("are copied by 16 bytes, along what lies side by side", () => {
    const bf16 = (letters: string) => accesses(planOf(product(64, 64, 64, letters)));
    expect(bf16("mk,kn->mn")).toEqual(["8 along depth", "8 along width"]);
    expect(bf16("mk,nk->mn")).toEqual(["8 along depth", "8 along depth"]);
    expect(bf16("km,kn->mn")).toEqual(["8 along width", "8 along width"]);
    expect(accesses(planOf(product(64, 64, 64), "tf32"))).toEqual([
      "4 along depth",
      "4 along width",
    ]);
  });

  test("are copied by less where they are not so aligned", () => {
    expect(accesses(planOf(product(64, 36, 10)))).toEqual(["4 along depth", "2 along width"]);
    expect(accesses(planOf(product(64, 33, 9)))).toEqual([
      "1 along depth, by registers",
      "1 along width, by registers",
    ]);
    expect(accesses(planOf(product(64, 33, 9), "tf32"))).toEqual([
      "1 along depth",
      "1 along width",
    ]);
  });

  test("pass through registers where they are converted", () => {
    const { graph } = withRoundedOperands(productCase(product(64, 64, 64)), "bf16");
    const [contraction] = contractionsOf(graph);
    const plan = planMatrixContraction(contraction!, targetOf("bf16"), { besides: () => 0 });
    expect(accesses(plan)).toEqual(["4 along depth, by registers", "4 along width, by registers"]);
    expect(plan.stages).toBe(2);
  });

  test("of padded convolutions are copied along channels", () => {
    const spec: ConvolutionCase = {
      size: [8, 8],
      kernel: [3, 3],
      padding: 1,
      channels: [16, 24],
      batch: [4, 4],
    };
    const { graph } = withNarrowOperands(convolutionGraph(spec), "bf16");
    const plans = contractionsOf(graph).map((contraction) =>
      accesses(planMatrixContraction(contraction, targetOf("bf16"), { besides: () => 0 })),
    );
    expect(plans).toEqual([
      ["8 along depth", "8 along width"],
      ["8 along width", "8 along width"],
      ["8 along depth", "8 along depth"],
    ]);
  });
});

test("products of which units would use less than half stay on plain multiply-adds", () => {
  const { matrix } = targetOf("bf16").workgroup;
  const isFor = (m: number, k: number, n: number) => {
    const { graph } = withRoundedOperands(productCase(product(m, k, n)), "bf16");
    return isForMatrixUnits(contractionsOf(graph)[0]!, matrix);
  };
  expect(isFor(8, 16, 8)).toBe(true);
  expect(isFor(7, 512, 512)).toBe(false);
  expect(isFor(512, 8, 512)).toBe(false);
  expect(isFor(512, 512, 5)).toBe(false);
});

test("products whose operands are not rounded are for units of tf32 only", () => {
  const [contraction] = contractionsOf(productCase(product(64, 64, 64)).graph);
  expect(isForMatrixUnits(contraction!, targetOf("bf16").workgroup.matrix)).toBe(false);
  expect(isForMatrixUnits(contraction!, targetOf("tf32").workgroup.matrix)).toBe(true);
});
