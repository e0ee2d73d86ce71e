/** Predicted times count products by the units that compute them, and tiles on the CPU by what they take. */

import { describe, expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import type { Scalar } from "../../compiler/graph/node.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import {
  groupBytes,
  type PredictedTime,
  predictedSeconds,
  predictedTime,
} from "../../compiler/schedule/cost.ts";
import { GroupCosts } from "../../compiler/schedule/group-costs.ts";
import { GroupForms } from "../../compiler/schedule/group-forms.ts";
import { outsideLoops } from "../../compiler/schedule/loop-levels.ts";
import { movingSeconds } from "../../compiler/schedule/reuse.ts";
import type { Precision } from "../../compiler/semantics/precision.ts";
import { describeCpu } from "../../compiler/targets/cpu/description.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { Builder } from "../optimize/build.ts";
import { type Case, productCase } from "./contraction-cases.ts";
import { scattersCase } from "./gather-cases.ts";
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

test("links of a scatter take what each of its keys waits for", () => {
  const cpu = describeCpu({ architecture: "x64", cpuinfo: "" });
  const sizes = { words: 20, units: 8, steps: 50, n: 4, batchMax: 4 };
  const { context, graph } = scattersCase(sizes);
  const { groups } = formGroups(context, graph, cpu, { fusion: true });
  const links = groups.find(({ scatter }) => scatter?.part === "links")!;
  const keys = sizes.batchMax * sizes.steps;
  const { seconds, boundBy } = predictedTime(links, graph.batchMax, cpu);
  expect(boundBy).toBe("arithmetic");
  expect(seconds).toBeCloseTo((16 * keys) / 3.5e9, 12);
});

describe("rows on the CPU", () => {
  const cpu = describeCpu({ architecture: "x64", cpuinfo: "" });
  /** The softmax of so many numbers in each of 64 rows. */
  const secondsOf = (columns: number): number => {
    const { context, graph } = softmaxCase(64, columns);
    const [group] = formGroups(context, graph, cpu, { fusion: true }).groups;
    expect(group!.kind).toBe("rows");
    return predictedTime(group!, 1, cpu).seconds;
  };

  test("are of whole vectors", () => {
    expect(secondsOf(7)).toBe(secondsOf(8));
    expect(secondsOf(9)).toBeGreaterThan(secondsOf(8));
  });

  test("wait for their reductions, however short they are", () => {
    const [short, long] = [secondsOf(cpu.vectorLanes), secondsOf(64 * cpu.vectorLanes)];
    expect(long / short).toBeGreaterThan(4);
    expect(long / short).toBeLessThan(32);
  });
});

/** x[rows, columns] → exp(x) / Σ exp(x), as one group. */
function softmaxCase(rows: number, columns: number) {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const [rowExtent, columnExtent] = [fixed(rows), fixed(columns)];
  const x = context.leaf("param", "x", "f32", [rowExtent, columnExtent]);
  const at = [axisAffine(0), axisAffine(1)];
  const total = context.compute({
    parallel: [rowExtent],
    reduction: [columnExtent],
    reducer: "sum",
    body: context.call("exp", context.load(x, at)),
  }).values[0]!;
  const y = context.compute({
    parallel: [rowExtent, columnExtent],
    body: f.divide(context.call("exp", context.load(x, at)), context.load(total, [axisAffine(0)])),
  }).values[0]!;
  const results = [{ name: "y", value: y }];
  return { context, graph: { name: "softmax", batchMax: 1, results, assignments: [] } };
}

describe("memory that a step moves", () => {
  const machine = { architecture: "x64", cpuinfo: "" };
  const elements = 1 << 12;
  /** The second of two maps, which reads what the first has made of 16 KB, with caches of so many KB. */
  const secondsOf = (second: number, shared: number | null): number => {
    const b = new Builder();
    const x = b.param("x", elements);
    const y = b.map(x.shape, b.f.call("exp", b.at(x)));
    const graph = b.graph(b.map(x.shape, b.f.call("exp", b.at(y))));
    const cpu = {
      ...describeCpu({ architecture: "x64", cpuinfo: "" }),
      cacheBytes: [1024, 1024 * second] as const,
      sharedCache: shared === null ? null : { bytes: 1024 * shared, bandwidth: 50e9 },
    };
    const grouped = formGroups(b.context, graph, cpu, { fusion: false });
    const surroundings = outsideLoops(b.context, grouped);
    const groups = grouped.groups.map((group) => ({ group, grouped, surroundings, around: [] }));
    return movingSeconds(groups, graph.batchMax, cpu)[1]!;
  };
  const bytes = 4 * elements;

  test("comes from where as much is kept as was touched since", () => {
    expect(secondsOf(128, null)).toBeCloseTo((3 * bytes) / 120e9, 12);
    expect(secondsOf(16, 128)).toBeCloseTo((3 * bytes) / 50e9, 12);
    expect(secondsOf(16, null)).toBeCloseTo((3 * bytes) / 30e9, 12);
    // What is read was made just before; what is written was last there a step ago.
    expect(secondsOf(48, 128)).toBeCloseTo(bytes / 120e9 + (2 * bytes) / 50e9, 12);
  });

  test("is waited for line by line where data choose it, unless it is near", () => {
    const [words, places, units] = [1000, 600, 20];
    const b = new Builder();
    const tokens = b.context.leaf("param", "tokens", "i32", [fixed(places)]);
    const token = b.context.load(tokens, [axisAffine(0)]);
    const unit = b.context.index(axisAffine(1));
    const y = b.map(
      [places, units].map(fixed),
      b.context.gather(b.param("table", words, units), [token, unit]),
    );
    const graph = b.graph(y);
    const grouped = formGroups(b.context, graph, describeCpu(machine), { fusion: true });
    const surroundings = outsideLoops(b.context, grouped);
    const groups = grouped.groups.map((group) => ({ group, grouped, surroundings, around: [] }));
    const secondsWith = (second: number) =>
      movingSeconds(groups, graph.batchMax, {
        ...describeCpu(machine),
        cacheBytes: [1024, 1024 * second],
        sharedCache: null,
      })[0]!;
    const others = 4 * places + 2 * 4 * places * units;
    // 80 bytes are two lines, each of which takes as long as three in order.
    expect(secondsWith(64)).toBeCloseTo((others + 3 * 64 * 2 * places) / 30e9, 12);
    expect(secondsWith(1024)).toBeCloseTo((others + 4 * words * units) / 120e9, 12);
  });
});

describe("register tiles on the CPU", () => {
  /** 8 lanes and 16 registers: tiles of two vectors, and of six rows where there are as many. */
  const cpu = {
    ...describeCpu({ architecture: "x64", cpuinfo: "" }),
    vectorLanes: 8,
    vectorRegisters: 16,
  };
  const timeOnCpu = (sizes: Case["sizes"], letters = "mk,kn->mn", target = cpu): PredictedTime => {
    const { context, graph } = productCase({ letters, sizes });
    const [group] = formGroups(context, graph, target, { fusion: true }).groups;
    return predictedTime(group!, 1, target);
  };
  const secondsOf = (...of: Parameters<typeof timeOnCpu>) => timeOnCpu(...of).seconds;
  const long = { m: 48, k: 2000, n: 16 } as const;

  test("take more than their multiply-adds, by what they load", () => {
    const atPeak = (2 * 48 * 2000 * 16) / cpu.peakFlops;
    const { seconds, boundBy } = timeOnCpu(long);
    expect(boundBy).toBe("arithmetic");
    // Tiles of 6 × 2 load 8 operands for 12 multiply-adds.
    expect(seconds / atPeak).toBeCloseTo(1 + (0.05 * 8) / 12, 2);
  });

  test("of few sums wait for each other: half as long where half as many begin in a cycle", () => {
    const few = { m: 1, k: 2000, n: 8 } as const;
    const perMultiplyAdd = (multiplyAdds: number) => {
      const peakFlops = cpu.peakFlops * multiplyAdds;
      const target = { ...cpu, multiplyAdds, peakFlops };
      return timeOnCpu(few, "mk,kn->mn", target).seconds / ((2 * 2000 * 8) / peakFlops);
    };
    expect(perMultiplyAdd(2)).toBeCloseTo(8.1, 1);
    expect(perMultiplyAdd(1)).toBeCloseTo(4.1, 1);
  });

  test("count as whole where they reach beyond the columns", () => {
    const [wide, narrow] = [secondsOf({ ...long, n: 16 }), secondsOf({ ...long, n: 9 })];
    // Only the bytes that are written differ.
    expect(narrow).toBeLessThan(wide);
    expect(narrow).toBeGreaterThan(0.99 * wide);
  });

  test("wait for panels to be packed", () => {
    const copied = (8 * 2000 * 16) / cpu.cacheBandwidth;
    const apart = secondsOf(long, "mk,nk->mn") - secondsOf(long);
    expect(apart).toBeCloseTo(copied, 9);
  });
});

test("groups of one form cost the same, and others what they cost alone", () => {
  const cpu = describeCpu({ architecture: "x64", cpuinfo: "" });
  const forms = new GroupForms();
  const costs = new GroupCosts(forms, cpu);
  const numbers = new Set<number>();
  for (const n of [48, 48, 64]) {
    const sizes = { m: 96, k: 32, n };
    for (const { context, graph } of [
      productCase({ letters: "mk,kn->mn", sizes }),
      softmaxCase(64, n),
    ]) {
      const { groups } = formGroups(context, graph, cpu, { fusion: true });
      for (const group of groups) {
        numbers.add(forms.formOf(group).number);
        for (const rows of [1, 8]) {
          expect(costs.seconds(group, rows)).toBe(predictedSeconds(group, rows, cpu));
          expect(costs.bytes(group, rows)).toBe(groupBytes(group, rows));
        }
      }
    }
  }
  expect(numbers.size).toBe(4);
});
