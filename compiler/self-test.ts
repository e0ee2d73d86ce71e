/**
 * The figures that a trainer's self-test compares with, computed by the reference interpreter from the graphs as
 * they are before anything is simplified or fused, but rounded where kernels round. How exactly float32 can be asked
 * to meet them is measured: the model is computed a second time from slightly disturbed values, and an element may be
 * off by a multiple of what that changed.
 */

import type { SelfTestCheck, SelfTestPlan, TrainerDefinition } from "../runtime/plan.ts";
import { differentiate } from "./autodiff/differentiate.ts";
import { invariant } from "./diagnostics/diagnostic.ts";
import { type InterpretEnvironment, interpret } from "./graph/interpret.ts";
import type { Graph, LeafRole } from "./graph/node.ts";
import { uniformAt } from "./graph/threefry.ts";
import { canonicalise } from "./optimize/canonicalise.ts";
import { roundForReference } from "./optimize/reference-precision.ts";
import { simplify } from "./optimize/simplify.ts";
import type { Precision } from "./semantics/precision.ts";
import type { LoweredProgram } from "./semantics/program.ts";
import { describeCuda } from "./targets/cuda/description.ts";

/** Rows and starting point of the test: small, for the interpreter is slow. */
export interface SelfTestInputs extends Pick<SelfTestPlan, "seed" | "rows" | "ranges"> {
  /** Row-major elements by column, as the runtime's `selfTestDataset` draws them. */
  readonly columns: ReadonlyMap<string, ArrayLike<number>>;
}

/** Elements compared of one tensor. */
const POSITIONS = 8;
/** How exactly kernels compute. */
export interface Accuracy {
  /** The relative disturbance: some units in the last place. */
  readonly disturbance: number;
  /** How much more than the disturbance did an element may deviate. */
  readonly slack: number;
  /** What an element may lose in any case, relative to it. */
  readonly rounding: number;
}

/**
 * By what computes. C compilers round each operation once; WGSL allows 2.5 units for a division and more for square
 * roots (https://www.w3.org/TR/WGSL/#concrete-float-accuracy), of which a loss and an optimizer have several in a row.
 */
export const accuracies = {
  cpu: { disturbance: 1e-6, slack: 16, rounding: 2 ** -20 },
  wgsl: { disturbance: 1e-6, slack: 16, rounding: 2 ** -17 },
  cuda: { disturbance: 1e-6, slack: 16, rounding: 2 ** -20 },
} as const satisfies Readonly<Record<string, Accuracy>>;

/**
 * Where factors of products are rounded: to 11 bits in tf32 and f16, to 8 in bf16. The figures are rounded alike, but what
 * lies in the middle of two such numbers may go either way, by a unit in their last place. The disturbance moves elements
 * by half a unit, in bf16, where few of them are near the middle, by an eighth; the least tolerance is a few times that.
 */
const roundedAccuracies: { readonly [P in Exclude<Precision, "f32">]: Accuracy } = {
  tf32: { disturbance: 2 ** -11, slack: 4, rounding: 2 ** -9 },
  bf16: { disturbance: 2 ** -10, slack: 4, rounding: 2 ** -8 },
  f16: { disturbance: 2 ** -11, slack: 4, rounding: 2 ** -9 },
};

/** A check that allows for more than this share of the tensor's largest element says nothing. */
const USELESS = 0.05;

/** What to draw the columns from: bytes for the model's inputs, the first two classes for labels. */
export function selfTestRanges({ columns, inputs }: LoweredProgram): SelfTestPlan["ranges"] {
  const ranges = columns.map(({ name, dtype }) => {
    const isInput = inputs.includes(name);
    if (dtype === "f32") return [name, isInput ? [-1, 1] : [0, 1]];
    return [name, isInput && dtype === "u8" ? [0, 256] : [0, 2]];
  });
  return Object.fromEntries(ranges);
}

/** `precision` is what kernels make use of, not only what the program allows. */
export function computeSelfTest(
  lowered: LoweredProgram,
  definition: TrainerDefinition,
  inputs: SelfTestInputs,
  precision: Precision = "f32",
): SelfTestPlan {
  const { seed, rows, ranges } = inputs;
  const isRounded = precision !== "f32";
  const accuracy = isRounded ? roundedAccuracies[precision] : accuracies[definition.plan.target];
  const { context } = lowered;
  // The units are CUDA's; what else there is of the kind, halves of WebGPU, rounds much the same.
  const rounded = (graph: Graph): Graph =>
    isRounded
      ? roundForReference(context, simplify(context, graph), describeCuda({ precision }))
      : graph;
  const figures = (disturbance: number) =>
    computeFigures(lowered, definition, inputs, disturbance, rounded);
  const exact = figures(0);
  const disturbed = figures(accuracy.disturbance);
  const checks = exact.map((figure, index) =>
    createCheck(figure, disturbed[index]!.data, accuracy),
  );
  return { seed, rows, ranges, checks: checks.filter(({ positions }) => positions.length > 0) };
}

interface Figure {
  readonly of: SelfTestCheck["of"];
  readonly name: string;
  readonly data: Float64Array;
  /** What a tensor was before the update. */
  readonly before?: ArrayLike<number>;
}

function computeFigures(
  lowered: LoweredProgram,
  definition: TrainerDefinition,
  inputs: SelfTestInputs,
  disturbance: number,
  rounded: (graph: Graph) => Graph,
): readonly Figure[] {
  const { context, predict, training } = lowered;
  const initial = initialValues(lowered, definition, inputs, disturbance);
  const environment = createEnvironment(definition, initial, inputs, disturbance);
  const outputs = [...interpret(rounded(canonicalise(context, predict)), environment).results];
  const figures: Figure[] = outputs.map(([name, data]) => ({ of: "output", name, data }));
  if (training === null) return figures;
  const step = interpret(
    rounded(differentiate(context, canonicalise(context, training.train))),
    environment,
  );
  const loss = step.results.get("loss");
  if (loss !== undefined) figures.push({ of: "loss", name: "loss", data: loss });
  for (const { target, data } of step.assignments) {
    invariant(target.node.kind === "leaf", "an assignment's target is a leaf");
    const { path } = target.node;
    const before = initial[path];
    figures.push({ of: "tensor", name: path, data, ...(before === undefined ? {} : { before }) });
  }
  return figures;
}

/** Statistics are those of the test's rows, as training has them: nothing is what it will be where they are zero. */
function initialValues(
  { context, statistics }: LoweredProgram,
  definition: TrainerDefinition,
  inputs: SelfTestInputs,
  disturbance: number,
): Readonly<Record<string, ArrayLike<number>>> {
  const values: Record<string, ArrayLike<number>> = { ...definition.initialize(inputs.seed) };
  for (const { state, body } of statistics) {
    const environment = createEnvironment(definition, values, inputs, disturbance);
    for (const sums of interpret(canonicalise(context, body), environment).results.values()) {
      values[state] = Float32Array.from(sums, (sum) => sum / inputs.rows);
    }
  }
  return values;
}

function createEnvironment(
  { plan }: TrainerDefinition,
  initial: Readonly<Record<string, ArrayLike<number>>>,
  { seed, rows, columns }: SelfTestInputs,
  disturbance: number,
): InterpretEnvironment {
  const counters: Readonly<Record<string, number>> = { t: 1, batch: 0 };
  const read = (role: LeafRole, path: string): ArrayLike<number> | undefined => {
    switch (role) {
      case "input":
        return columns.get(path);
      case "param":
      case "state":
        return initial[path];
      case "hyper":
        return single(plan.hypers[path]);
      case "counter":
        return single(counters[path]);
      case "gradient":
      case "scalar":
        return undefined;
    }
  };
  return {
    n: rows,
    seed: seed >>> 0,
    batch: 0,
    leaf: (role, path) => {
      const values = read(role, path);
      invariant(values !== undefined, `the self-test has no ${role} ${path}`);
      const isFloat = role === "param" || (role === "input" && isFloatColumn(plan.columns, path));
      if (disturbance === 0 || !isFloat) return values;
      return Float64Array.from(values, (value, i) => value * (1 + disturbance * sign(i)));
    },
  };
}

/** +1 or −1, without a pattern that a sum would cancel. */
function sign(index: number): number {
  return uniformAt(1, 0, 0, index) < 0.5 ? -1 : 1;
}

/** Positions where an error would show best: those that the update moved most, compared with what is allowed. */
function createCheck(
  { of, name, data, before }: Figure,
  disturbed: Float64Array,
  { slack, rounding }: Accuracy,
): SelfTestCheck {
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  const candidates = [...candidatePositions(data.length)].map((position) => {
    const expected = data[position]!;
    const scale = Math.max(Math.abs(expected), largest / 16);
    return { position, expected, scale, change: Math.abs(expected - disturbed[position]!) / scale };
  });
  // One disturbance may happen to cancel where rounding does not: no element is taken to be better than most.
  const usual = median(candidates.map(({ change }) => change));
  const chosen = candidates
    .map(({ position, expected, scale, change }) => {
      const tolerance = (slack * Math.max(change, usual) + rounding) * scale;
      const moved = Math.abs(expected - (before?.[position] ?? 0));
      return { position, expected, tolerance, shows: moved / tolerance };
    })
    .filter(({ tolerance }) => tolerance <= USELESS * largest)
    .sort((a, b) => b.shows - a.shows || a.position - b.position)
    .slice(0, POSITIONS)
    .sort((a, b) => a.position - b.position);
  return {
    of,
    name,
    positions: chosen.map(({ position }) => position),
    expected: chosen.map(({ expected }) => expected),
    tolerances: chosen.map(({ tolerance }) => Number(tolerance.toPrecision(2))),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** All of a small tensor, about a thousand of a large one, spread by a step prime to usual extents. */
function* candidatePositions(length: number): Iterable<number> {
  const step = length <= 1024 ? 1 : Math.floor(length / 1024) | 1;
  for (let position = 0; position < length; position += step) yield position;
}

function single(value: number | undefined): ArrayLike<number> | undefined {
  return value === undefined ? undefined : [value];
}

function isFloatColumn(columns: TrainerDefinition["plan"]["columns"], name: string): boolean {
  return columns.some((column) => column.name === name && column.dtype === "f32");
}
