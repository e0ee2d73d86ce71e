/**
 * The figures that a trainer's self-test compares with, computed in float64 from the graphs as
 * they are before anything is simplified or fused, but rounded where kernels round. How exactly float32 can be asked
 * to meet them is measured: the model is computed a second time from slightly disturbed values, and an element may be
 * off by a multiple of what that changed.
 */

import type { SelfTestCheck, SelfTestPlan, TrainerDefinition } from "../runtime/plan.ts";
import { differentiate } from "./autodiff/differentiate.ts";
import { invariant } from "./diagnostics/diagnostic.ts";
import { GraphEvaluator } from "./graph/evaluator.ts";
import type { InterpretEnvironment } from "./graph/interpret.ts";
import type { Graph, LeafRole } from "./graph/node.ts";
import { threefry2x32 } from "./graph/threefry.ts";
import { canonicalise } from "./optimize/canonicalise.ts";
import { roundForReference } from "./optimize/reference-precision.ts";
import { simplify } from "./optimize/simplify.ts";
import type { Precision } from "./semantics/precision.ts";
import type { LoweredProgram } from "./semantics/program.ts";
import { describeCuda } from "./targets/cuda/description.ts";

/** Rows and starting point of the test: small, for one figure shows an error as well as many. */
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
const accuracies = {
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
  const { context, predict, training } = lowered;
  // The units are CUDA's; what else there is of the kind, halves of WebGPU, rounds much the same.
  const rounded = (graph: Graph): Graph =>
    isRounded
      ? roundForReference(context, simplify(context, graph), describeCuda({ precision }))
      : graph;
  const model: EvaluatedModel = {
    definition,
    inputs,
    evaluator: new GraphEvaluator(rows),
    statistics: lowered.statistics.map((statistic) => ({
      ...statistic,
      body: canonicalise(context, statistic.body),
    })),
    predict: rounded(canonicalise(context, predict)),
    updates: (training?.updates ?? []).map(({ graph }) =>
      rounded(differentiate(context, canonicalise(context, graph))),
    ),
    initial: definition.initialize(seed),
  };
  const exact = computeFigures(model, 0);
  const disturbed = computeFigures(model, accuracy.disturbance);
  const checks = exact.map((figure, index) =>
    createCheck(figure, disturbed[index]!.sample, accuracy),
  );
  return { seed, rows, ranges, checks: checks.filter(({ positions }) => positions.length > 0) };
}

/** What is evaluated, once as it is and once disturbed. */
interface EvaluatedModel {
  readonly definition: TrainerDefinition;
  readonly inputs: SelfTestInputs;
  readonly evaluator: GraphEvaluator;
  readonly statistics: LoweredProgram["statistics"];
  readonly predict: Graph;
  /** In the order in which they are made, each once. */
  readonly updates: readonly Graph[];
  readonly initial: Readonly<Record<string, ArrayLike<number>>>;
}

/** A tensor, of which only the candidates for checks are kept: all tensors of a large model take gigabytes. */
interface Figure {
  readonly of: SelfTestCheck["of"];
  readonly name: string;
  readonly length: number;
  /** The largest magnitude, and at least a millionth. */
  readonly largest: number;
  /** The elements at the candidate positions. */
  readonly sample: readonly number[];
  /** What a tensor was before the update. */
  readonly before?: ArrayLike<number>;
  /** Of a loss: its update, unless it is the only one. */
  readonly graph?: string;
}

function createFigure(
  of: SelfTestCheck["of"],
  name: string,
  data: ArrayLike<number>,
  before?: ArrayLike<number>,
): Figure {
  const { length } = data;
  let largest = 1e-6;
  for (let i = 0; i < length; i++) largest = Math.max(largest, Math.abs(data[i]!));
  const sample = [...candidatePositions(length)].map((position) => data[position]!);
  return { of, name, length, largest, sample, ...(before === undefined ? {} : { before }) };
}

function computeFigures(model: EvaluatedModel, disturbance: number): readonly Figure[] {
  const { evaluator, predict, updates } = model;
  const initial = initialValues(model, disturbance);
  const environment = createEnvironment(model, initial, disturbance);
  // The first update computes much of what the prediction does, from the same numbers if that leaves no states behind.
  const isShared = predict.assignments.length === 0;
  const [predicted, ...shared] = evaluator.runAll(
    isShared ? [predict, ...updates.slice(0, 1)] : [predict],
    environment,
  );
  const figures = [...predicted!.results].map(([name, data]) => createFigure("output", name, data));
  const current: Record<string, ArrayLike<number>> = { ...initial };
  for (const { target, data } of predicted!.assignments) {
    // The states of stateful layers; the evaluator computes in the same memory again.
    if (target.node.kind === "leaf") current[target.node.path] = Float64Array.from(data);
  }
  const changed = new Set<string>();
  for (const [number, graph] of updates.entries()) {
    // What an update wrote is disturbed by what it was computed from.
    const before = createEnvironment(model, current, disturbance, changed);
    const { results, assignments } = shared[number] ?? evaluator.run(graph, before);
    const loss = results.get("loss");
    if (loss !== undefined) {
      const of = graph.name === "train" ? {} : { graph: graph.name };
      figures.push({ ...createFigure("loss", "loss", loss), ...of });
    }
    for (const { target, data } of assignments) {
      invariant(target.node.kind === "leaf", "an assignment's target is a leaf");
      // The evaluator computes in the same memory again.
      current[target.node.path] = updates.length > 1 ? Float64Array.from(data) : data;
      changed.add(target.node.path);
    }
  }
  const tensors = [...changed].map((path) =>
    createFigure("tensor", path, current[path]!, initial[path]),
  );
  return [...figures, ...tensors];
}

/** Statistics are those of the test's rows, as training has them: nothing is what it will be where they are zero. */
function initialValues(
  model: EvaluatedModel,
  disturbance: number,
): Readonly<Record<string, ArrayLike<number>>> {
  const { evaluator, statistics, inputs } = model;
  const values: Record<string, ArrayLike<number>> = { ...model.initial };
  for (const { state, body } of statistics) {
    const environment = createEnvironment(model, values, disturbance);
    for (const sums of evaluator.run(body, environment).results.values()) {
      values[state] = Float32Array.from(sums, (sum) => sum / inputs.rows);
    }
  }
  return values;
}

function createEnvironment(
  { definition: { plan }, inputs: { seed, columns } }: EvaluatedModel,
  initial: Readonly<Record<string, ArrayLike<number>>>,
  disturbance: number,
  undisturbed: ReadonlySet<string> = new Set(),
): Omit<InterpretEnvironment, "n"> {
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
    seed: seed >>> 0,
    batch: 0,
    leaf: (role, path) => {
      const values = read(role, path);
      invariant(values !== undefined, `the self-test has no ${role} ${path}`);
      const isFloat = role === "param" || (role === "input" && isFloatColumn(plan.columns, path));
      if (disturbance === 0 || !isFloat || undisturbed.has(path)) return values;
      return disturb(values, disturbance);
    },
  };
}

/** Each element larger or smaller by that share of it, without a pattern that a sum would cancel. */
function disturb(values: ArrayLike<number>, disturbance: number): Float64Array {
  const { length } = values;
  const disturbed = new Float64Array(length);
  const bits = new Float64Array(2);
  for (let i = 0; i < length; i += 2) {
    threefry2x32(1, 0, i >>> 1, 0, bits, 0);
    for (let j = i; j < Math.min(i + 2, length); j++) {
      const sign = bits[j - i]! < 2 ** 31 ? -1 : 1;
      disturbed[j] = values[j]! * (1 + disturbance * sign);
    }
  }
  return disturbed;
}

/** Positions where an error would show best: those that the update moved most, compared with what is allowed. */
function createCheck(
  { of, name, length, largest, sample, before, graph }: Figure,
  disturbed: readonly number[],
  { slack, rounding }: Accuracy,
): SelfTestCheck {
  const candidates = [...candidatePositions(length)].map((position, i) => {
    const expected = sample[i]!;
    const scale = Math.max(Math.abs(expected), largest / 16);
    return { position, expected, scale, change: Math.abs(expected - disturbed[i]!) / scale };
  });
  // One disturbance may happen to cancel where rounding does not: no element is taken to be better than most.
  const usual = median(candidates.map(({ change }) => change));
  const chosen = candidates
    .map(({ position, expected, scale, change }) => {
      const tolerance = (slack * Math.max(change, usual) + rounding) * scale;
      const moved = Math.abs(expected - (before?.[position] ?? 0));
      return { position, expected, tolerance, shows: moved / tolerance };
    })
    // What should not have moved may all the same: optimizers make steps of rounding errors where a gradient is zero, as
    // that of a bias is before a normalization.
    .filter(({ tolerance, shows }) => tolerance <= USELESS * largest && shows >= 1)
    .sort((a, b) => b.shows - a.shows || a.position - b.position)
    .slice(0, POSITIONS)
    .sort((a, b) => a.position - b.position);
  return {
    of,
    name,
    positions: chosen.map(({ position }) => position),
    expected: chosen.map(({ expected }) => expected),
    tolerances: chosen.map(({ tolerance }) => Number(tolerance.toPrecision(2))),
    ...(graph === undefined ? {} : { graph }),
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
