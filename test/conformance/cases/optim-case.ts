/** Cases of the `optim` folder: trajectories of parameters under an optimizer. */

import { join } from "node:path";
import {
  type CaseProgram,
  NotExpressible,
  paramPath,
  rowsName,
  type Tensor,
} from "./case-program.ts";
import { compare, type Tolerance, trajectoryTolerance } from "./compare.ts";
import { type NumberArray, readArrays } from "./npz.ts";
import { netProgram } from "./optim/nets.ts";
import { type OptimizerConfig, type TorchOptimizer, torchOptimizer } from "./optim/optimizers.ts";
import type { Step, Target, Tensors } from "./target.ts";

export interface OptimCase {
  readonly name: string;
  readonly file: string;
  readonly kind: "optimizer" | "net";
  readonly op: string;
  readonly formula: string;
  readonly config: OptimizerConfig;
  readonly steps: number;
  readonly problem?: string;
  readonly torch_float32_max_abs_error?: number;
}

type Arrays = ReadonlyMap<string, NumberArray>;

const tensor = ({ shape, data }: NumberArray, dtype: Tensor["dtype"] = "f32"): Tensor => ({
  dtype,
  shape,
  data,
});

/** Rows of the leading dimension. */
function rowsOf({ shape, data }: NumberArray, rows: ArrayLike<number>): NumberArray {
  const [, ...rest] = shape;
  const size = rest.reduce((product, extent) => product * extent, 1);
  const taken = Array.from(rows).flatMap((row) => [...data.slice(row * size, (row + 1) * size)]);
  return { shape: [rows.length, ...rest], data: Float64Array.from(taken) };
}

const scalarOutput = (expression: string) => ({
  name: "loss",
  expression,
  shape: [],
  cotangent: { dtype: "f32" as const, shape: [], data: [1] },
});

/** The problem that all optimizers of the folder solve. */
const problemText = "loss(w,b,v) = mean_i ln(1 + exp(-y_i (X_i . w + b))) + 0.5 (v-c)^T A (v-c)";

function optimizerProgram(c: OptimCase, arrays: Arrays): CaseProgram {
  if (c.problem?.startsWith(problemText) !== true)
    throw new NotExpressible(`the problem ${c.problem}`);
  const [rows, features] = arrays.get("X")!.shape as [number, number];
  const size = arrays.get("c")!.shape[0]!;
  return {
    ...torchOptimizer(c.op, c.formula, c.config),
    params: new Map(["w", "b", "v"].map((name) => [name, tensor(arrays.get(`${name}0`)!)])),
    inputs: new Map(["X", "y", "A", "c"].map((name) => [name, tensor(arrays.get(name)!)])),
    statements: [
      `margin[n < ${rows}] = sum[k < ${features}] X[n, k] * w[k]`,
      "fit = mean(softplus(-y * (margin + b)))",
      "off = v - c",
      `bowl[i < ${size}] = sum[j < ${size}] A[i, j] * off[j]`,
    ],
    outputs: [scalarOutput("fit + 0.5 * sum(off * bowl)")],
  };
}

/** Of a network: what names the optimizer in words, before the colon. */
function netOptimizer(config: OptimizerConfig): TorchOptimizer {
  const text = String(config.optimizer);
  const op = text.slice(0, text.indexOf(":")).toLowerCase();
  const nesterov = /p -= lr \(g \+ mu buf\)/.test(text);
  return torchOptimizer(op, "", { ...config, nesterov });
}

const paramNames = (arrays: Arrays): string[] =>
  [...arrays.keys()].filter((key) => key.startsWith("p0_")).map((key) => key.slice(3));

function netCaseProgram(c: OptimCase, arrays: Arrays): CaseProgram {
  const names = paramNames(arrays);
  const batch = arrays.get("batch");
  const firstRows = batch?.data.slice(0, batch.shape[1]);
  const column = (name: string): Tensor => {
    const whole = arrays.get(`data_${name}`)!;
    const isLabel = name === "t" && /CE\(/.test(c.formula);
    return tensor(
      firstRows === undefined ? whole : rowsOf(whole, firstRows),
      isLabel ? "i32" : "f32",
    );
  };
  const params = new Map(names.map((name) => [name, tensor(arrays.get(`p0_${name}`)!)] as const));
  const inputs = new Map(["x", "t"].map((name) => [name, column(name)] as const));
  const shapes = new Map([...params, ...inputs].map(([name, { shape }]) => [name, shape] as const));
  const { statements, loss } = netProgram({ formula: c.formula, shapes });
  return {
    ...netOptimizer(c.config),
    params,
    inputs,
    statements,
    outputs: [scalarOutput(loss)],
  };
}

/** Rows that each step of a network trains on, where they are not all. */
function stepsOf(c: OptimCase, arrays: Arrays): Step[] {
  const batch = arrays.get("batch");
  return Array.from({ length: c.steps }, (_, k) => {
    if (batch === undefined) return {};
    const width = batch.shape[1]!;
    const rows = batch.data.slice(k * width, (k + 1) * width);
    const columns = ["x", "t"].map(
      (name) => [rowsName(name), tensor(rowsOf(arrays.get(`data_${name}`)!, rows))] as const,
    );
    return { columns: new Map(columns) };
  });
}

/** What deviates; empty if nothing does. */
export async function checkOptimCase(
  c: OptimCase,
  folder: string,
  target: Target,
): Promise<string[]> {
  const arrays = readArrays(join(folder, c.file));
  const program = c.kind === "net" ? netCaseProgram(c, arrays) : optimizerProgram(c, arrays);
  const { outputs, steps } = await target.run(program, stepsOf(c, arrays));
  const usual = trajectoryTolerance[target.precision];
  const lost = target.precision === "float32" ? (c.torch_float32_max_abs_error ?? 0) : 0;
  const limit = { ...usual, absolute: Math.max(usual.absolute, 10 * lost) };
  const first = compare(
    "loss[0]",
    outputs.get("loss")!,
    arrays.get("loss")!.data.slice(0, 1),
    limit,
  );
  const check = c.kind === "net" ? checkMilestones : checkTrajectory;
  return [first, ...check(arrays, steps, limit)].filter((text) => text !== undefined);
}

/** `p1_w`: parameters after so many steps. */
function checkMilestones(arrays: Arrays, steps: readonly Tensors[], limit: Tolerance) {
  return [...arrays].map(([key, { data }]) => {
    const [, after, name] = /^p([1-9]\d*)_(.+)$/.exec(key) ?? [];
    if (after === undefined) return undefined;
    return compare(key, steps[Number(after) - 1]!.get(paramPath(name!))!, data, limit);
  });
}

/** `traj_w[k]`: parameters after k steps. Of each, the first deviation is told. */
function checkTrajectory(arrays: Arrays, steps: readonly Tensors[], limit: Tolerance) {
  return ["w", "b", "v"].map((name) => {
    const trajectory = arrays.get(`traj_${name}`)!;
    const size = trajectory.data.length / trajectory.shape[0]!;
    return steps
      .map((tensors, k) => {
        const expected = trajectory.data.slice((k + 1) * size, (k + 2) * size);
        return compare(
          `${name} after ${k + 1} steps`,
          tensors.get(paramPath(name))!,
          expected,
          limit,
        );
      })
      .find((text) => text !== undefined);
  });
}
