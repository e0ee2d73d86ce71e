/** Batch renormalization against its formulas (Ioffe 2017, arXiv:1702.03275), values and gradients. */

import { describe, expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";
import { faultsOf, valuesOf } from "./layer-checks.ts";

const rows = 4;
const channels = 2;
const epsilon = 1e-3;
const points = [1, 4, -2, 3, 0, 5, 7, -1];
const cotangent = points.map((_, i) => Math.cos(i + 1));
const start = {
  gamma: [2, -0.5],
  beta: [0.25, 1],
  moving_mean: [0.5, 1],
  moving_variance: [2, 3],
  moving_stddev: [1.5, 1.75],
  renorm_mean: [1, 2.5],
  renorm_stddev: [2, 1.5],
};

interface Clipping {
  readonly rmin?: number;
  readonly rmax?: number;
  readonly dmax?: number;
}

interface Options {
  readonly clipping: Clipping;
  readonly momentum: number;
  readonly renormMomentum: number;
}

const columnOf = (data: readonly number[], c: number) => data.filter((_, i) => i % channels === c);
const meanOf = (items: readonly number[]) => items.reduce((a, b) => a + b, 0) / items.length;

/** What training makes of one channel: outputs, the derivatives of Σ y·cotangent, and the averages. */
function reference(c: number, { clipping, momentum, renormMomentum }: Options) {
  const { rmin = 0, rmax = Infinity, dmax = Infinity } = clipping;
  const x = columnOf(points, c);
  const dy = columnOf(cotangent, c);
  const mu = meanOf(x);
  const stddev = Math.sqrt(meanOf(x.map((item) => (item - mu) ** 2)) + epsilon);
  const usual = Math.max(start.renorm_stddev[c]!, Math.sqrt(epsilon));
  const r = Math.min(Math.max(stddev / usual, rmin), rmax);
  const d = Math.min(Math.max((mu - start.renorm_mean[c]!) / usual, -dmax), dmax);
  const normal = x.map((item) => (item - mu) / stddev);
  const [gamma, beta] = [start.gamma[c]!, start.beta[c]!];
  const meanProduct = meanOf(dy.map((g, i) => g * normal[i]!));
  const moved = (share: number, old: number, now: number) => share * old + (1 - share) * now;
  const movingStddev = moved(momentum, start.moving_stddev[c]!, stddev);
  return {
    y: normal.map((item) => (item * r + d) * gamma + beta),
    // r and d are constants of the derivatives.
    x: normal.map((item, i) => ((gamma * r) / stddev) * (dy[i]! - meanOf(dy) - item * meanProduct)),
    gamma: dy.reduce((sum, g, i) => sum + g * (normal[i]! * r + d), 0),
    beta: dy.reduce((sum, g) => sum + g, 0),
    renorm_mean: moved(renormMomentum, start.renorm_mean[c]!, mu),
    renorm_stddev: moved(renormMomentum, start.renorm_stddev[c]!, stddev),
    moving_mean: moved(momentum, start.moving_mean[c]!, mu),
    moving_stddev: movingStddev,
    moving_variance: Math.max(movingStddev ** 2 - epsilon, 0),
  };
}

/** One step of SGD of rate 1: the loss, and what is assigned. The batch is a param, so that its gradient shows. */
function trained(config: string) {
  const program = lowerSound(`
model M {
  input row: f32[N, ${rows}]
  param points: f32[${rows}, ${channels}] = zeros
  output y = row @ points |> BatchNormalization(${config})
}
data d {
  train {
    row: f32[${rows}] = npy("row.npy")
    w: f32[${channels}] = npy("w.npy")
  }
}
train M on d {
  loss sum(y * w)
  optimizer SGD(1.0)
}`);
  const { context, training } = program;
  const graph = differentiate(context, canonicalise(context, training!.train));
  const states = Object.entries(start).map(([name, data]) => [
    `M/batch_normalization/${name}`,
    data,
  ]);
  const identity = Array.from({ length: rows ** 2 }, (_, i) => (i % (rows + 1) === 0 ? 1 : 0));
  const leaves = {
    row: identity,
    w: cotangent,
    "M/points": points,
    ...Object.fromEntries(states),
  };
  return run(program, graph, leaves, { n: rows, scalars: { learning_rate: 1, t: 1 } });
}

const clippings: readonly (readonly [name: string, written: string, clipping: Clipping])[] = [
  ["without clipping", "none", {}],
  ["with rmax", '[["rmax", 1.1]]', { rmax: 1.1 }],
  ["with rmin", '[["rmin", 1.5]]', { rmin: 1.5 }],
  ["with dmax", '[["dmax", 0.1]]', { dmax: 0.1 }],
  [
    "with all",
    '[["rmin", 0.5], ["rmax", 1.2], ["dmax", 0.2]]',
    { rmin: 0.5, rmax: 1.2, dmax: 0.2 },
  ],
];

describe("renorm in training", () => {
  const [momentum, renormMomentum] = [0.8, 0.6];
  it.each(clippings)("%s", (_, written, clipping) => {
    const config = `renorm = true, renorm_clipping = ${written}, momentum = ${momentum}, renorm_momentum = ${renormMomentum}`;
    const { results, assigned } = trained(config);
    const wanted = [0, 1].map((c) => reference(c, { clipping, momentum, renormMomentum }));
    const loss = wanted
      .flatMap(({ y }, c) => y.map((item, i) => item * columnOf(cotangent, c)[i]!))
      .reduce((a, b) => a + b, 0);
    expect(results.loss![0]).toBeCloseTo(loss, 9);
    for (const name of Object.keys(start)) {
      const isParam = name === "gamma" || name === "beta";
      for (const c of [0, 1]) {
        const key = name as keyof typeof start;
        const found = assigned[`M/batch_normalization/${name}`]![c]!;
        expect(isParam ? start[key][c]! - found : found, `${name} ${c}`).toBeCloseTo(
          wanted[c]![key] as number,
          9,
        );
      }
    }
    points.forEach((point, i) => {
      const gradient = point - assigned["M/points"]![i]!;
      expect(gradient).toBeCloseTo(wanted[i % channels]!.x[Math.floor(i / channels)]!, 9);
    });
  });
});

it("starts its averages of deviations from the root of the variances", () => {
  const config = "renorm = true, moving_variance_initializer = Constant(4.0), epsilon = 0.0";
  const { assigned } = run0(config);
  for (const name of ["moving_stddev", "renorm_stddev"]) {
    expect(assigned[`M/batch_normalization/${name}`]).toEqual([1.99, 1.99]);
  }
  const numbers = run0("renorm = true, moving_variance_initializer = 4.0, epsilon = 0.0");
  expect(numbers.assigned["M/batch_normalization/moving_stddev"]).toEqual([1.99, 1.99]);
});

/** A step on a batch of deviation 1 from initial values. */
function run0(config: string) {
  const program = lowerSound(`
model M {
  input x: f32[N, 2]
  output y = x |> BatchNormalization(${config})
}
data d {
  train {
    x: f32[2] = npy("x.npy")
  }
}
train M on d {
  loss sum(y)
  optimizer SGD(1.0)
}`);
  return run(program, program.training!.train, { x: [1, 1, -1, -1] }, { n: 2 });
}

it("uses the moving averages afterwards", () => {
  const params = Object.entries(start).map(([name, data]) => [`batch_normalization/${name}`, data]);
  const found = valuesOf(
    { x: "f32[N, 2]" },
    "x |> BatchNormalization(renorm = true)",
    { x: points },
    rows,
    Object.fromEntries(params),
  );
  points.forEach((x, i) => {
    const c = i % channels;
    const scale = start.gamma[c]! / Math.sqrt(start.moving_variance[c]! + epsilon);
    expect(found[i]).toBeCloseTo((x - start.moving_mean[c]!) * scale + start.beta[c]!, 10);
  });
});

it.each([
  ['[["rmax", 1.0], ["rmin", 2.0]]', "rmax of renorm_clipping is at least rmin"],
  ['[["dmax", -1.0]]', "dmax of renorm_clipping is at least 0"],
  ['[["max", 1.0]]', "renorm_clipping has pairs of rmax, rmin or dmax and a number"],
])("refuses %s", (clipping, message) => {
  const layer = `BatchNormalization(renorm = true, renorm_clipping = ${clipping})`;
  expect(faultsOf({ x: "f32[N, 2]" }, `x |> ${layer}`)).toContain(message);
});
