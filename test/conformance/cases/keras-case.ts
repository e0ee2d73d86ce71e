/** Cases of the `keras` folder: figures that Keras' own tests assert, as JSON files of several checks each. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CaseProgram, paramPath, rowsName, type Tensor } from "./case-program.ts";
import type { RuleCase } from "./case-rules.ts";
import { compare, firstOf, kerasTolerance } from "./compare.ts";
import { kerasLayerProgram } from "./keras/layers.ts";
import { kerasLossProgram, takesClassNumbers } from "./keras/losses.ts";
import { kerasMetricProgram } from "./keras/metrics.ts";
import { kerasOptimizer, type OptimizerUse } from "./keras/optimizers.ts";
import { kerasRecurrentProgram } from "./keras/recurrent.ts";
import { kerasScheduleProgram } from "./keras/schedules.ts";
import type { Step, Target } from "./target.ts";

export interface KerasCase {
  readonly name: string;
  readonly file: string;
  readonly category: string;
  /** The class or function: `keras.losses.Huber`. */
  readonly keras: string;
}

type Nested = number | boolean | readonly Nested[];
type NestedTensors = Readonly<Record<string, Nested | Readonly<Record<string, Nested>>>>;

interface KerasFile {
  readonly formula: string;
  readonly weights?: NestedTensors | null;
  readonly checks: readonly KerasCheck[];
}

interface KerasCheck {
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Nested>>;
  readonly derived: Readonly<Record<string, Nested>>;
}

function tensorOf(nested: Nested): Tensor {
  const shape: number[] = [];
  for (let at: Nested | undefined = nested; Array.isArray(at); at = at[0]) shape.push(at.length);
  const flat = leavesOf(nested);
  const dtype = typeof flat[0] === "boolean" ? "bool" : "f32";
  return { dtype, shape, data: flat.map(Number) };
}

/** Tensors of different shapes in a list are tensors of their own: `inputs_0`, `inputs_1`. */
function tensorsOf(name: string, nested: Nested): [string, Tensor][] {
  if (!Array.isArray(nested)) return [[name, tensorOf(nested)]];
  const parts = nested.map((item: Nested) => tensorOf(item));
  const isRegular = parts.every(({ shape }) => shape.join() === parts[0]!.shape.join());
  if (isRegular) return [[name, tensorOf(nested)]];
  return parts.map((part, i) => [`${name}_${i}`, part]);
}

function leavesOf(nested: Nested): (number | boolean)[] {
  return Array.isArray(nested) ? nested.flatMap(leavesOf) : [nested as number | boolean];
}

/** Weights by name; those of the two ways of a bidirectional layer with the way before: `forward_kernel`. */
function weightTensors(weights: KerasFile["weights"]): [string, Tensor][] {
  return Object.entries(weights ?? {}).flatMap(([name, value]): [string, Tensor][] =>
    typeof value === "object" && !Array.isArray(value)
      ? Object.entries(value).map(([inner, nested]) => [`${name}_${inner}`, tensorOf(nested)])
      : [[name, tensorOf(value as Nested)]],
  );
}

/** Layers and operations of numbers of rows or classes. */
const takesIntegers = /^(Reversible)?Embedding$|^CategoryEncoding$|^(one|multi)_hot$/;

/** `Bidirectional(LSTM)` of `keras.layers.Bidirectional(LSTM)`; `activations` of `keras.ops / keras.activations`. */
const className = (keras: string): string =>
  /([\w]+(\([\w]+\))?)$/.exec(keras.split(",")[0]!)?.[1] ?? keras;

function ruleCase(c: KerasCase, file: KerasFile, check: KerasCheck): RuleCase {
  const op = className(c.keras);
  const all = Object.entries(check.inputs).flatMap(([name, nested]) => tensorsOf(name, nested));
  const inputs = all.map(([name, tensor]): [string, Tensor] => {
    const isLabel =
      takesClassNumbers(op) &&
      /^(y_true|target|ref_labels|target_length|output_length)$/.test(name);
    const isReverse = check.config.reverse === true;
    const isNumbers = takesIntegers.test(op) && !isReverse && /^(x|inputs?|indices)$/.test(name);
    const isInteger = isLabel || isNumbers;
    return [name, isInteger ? { ...tensor, dtype: "i32" } : tensor];
  });
  return {
    op,
    formula: file.formula,
    reference: c.keras,
    config: check.config,
    inputs: new Map([...inputs, ...weightTensors(file.weights)]),
    outputs: new Map(
      Object.entries(check.derived).map(([name, nested]) => [name, tensorOf(nested).shape]),
    ),
  };
}

/** By the module that the class or function is in; of several, as `keras.ops / keras.activations`, the first. */
function programOf(c: KerasCase, rc: RuleCase): CaseProgram {
  const isRecurrent = c.category === "rnn" && !/TimeDistributed/.test(rc.op);
  if (isRecurrent) return kerasRecurrentProgram(rc);
  if (c.category === "loss" || /^keras\.losses\./.test(c.keras)) return kerasLossProgram(rc);
  if (/^keras\.metrics\./.test(c.keras)) return kerasMetricProgram(rc);
  if (/^keras\.optimizers\.schedules\./.test(c.keras)) return kerasScheduleProgram(rc);
  return kerasLayerProgram(rc);
}

async function checkOne(c: KerasCase, rc: RuleCase, check: KerasCheck, target: Target) {
  if (c.category === "optimizer") return checkOptimizer(rc, check, target);
  const { outputs, metrics } = await target.run(programOf(c, rc), []);
  return Object.entries(check.derived).map(([name, nested]) => {
    const { data } = tensorOf(nested);
    const found =
      metrics === undefined
        ? firstOf(outputs.get(name)!, data.length)
        : Array.from(data, (_, i) => metrics[`${name}_${i}`] ?? metrics[name]!);
    return compare(name, found, data, kerasTolerance[target.precision], "element");
  });
}

/** Gradients are given: the loss is Σ x · gradient, and the parameter after each step is compared. */
async function checkOptimizer(rc: RuleCase, check: KerasCheck, target: Target) {
  if ("clipped" in check.derived) return [await checkClipping(rc, check, target)];
  const gradients = (check.inputs.grads as readonly Nested[]).map(tensorOf);
  const start = rc.inputs.get("x0") ?? zerosLike(gradients[0]!);
  const deviations: (string | undefined)[] = [];
  for (const name of rc.reference.split(" / ").map(className)) {
    const program = withGradients(kerasOptimizer(name, check.config), [[start, gradients[0]!]]);
    const steps: Step[] = gradients.map((g) => ({ columns: new Map([[rowsName("g0"), g]]) }));
    const { steps: after } = await target.run(program, steps);
    const positions = after.map((tensors) => Array.from(tensors.get(paramPath("x0"))!));
    for (const [key, nested] of Object.entries(check.derived)) {
      const { data } = tensorOf(nested);
      const found = key === "x_after_each_step" ? positions.flat() : positions.at(-1)!;
      deviations.push(
        compare(`${name} ${key}`, found, data, kerasTolerance[target.precision], "element"),
      );
    }
  }
  return deviations;
}

const zerosLike = ({ shape, data }: Tensor): Tensor => ({
  dtype: "f32",
  shape,
  data: Array.from(data, () => 0),
});

/** Params with gradients of their own, by what is summed for the loss. */
function withGradients(
  optimizer: OptimizerUse,
  pairs: readonly (readonly [start: Tensor, gradient: Tensor])[],
): CaseProgram {
  return {
    ...optimizer,
    params: new Map(pairs.map(([start], i) => [`x${i}`, start])),
    inputs: new Map(pairs.map(([, gradient], i) => [`g${i}`, gradient])),
    statements: [],
    outputs: [
      {
        name: "loss",
        expression: pairs.map((_, i) => `sum(x${i} * g${i})`).join(" + "),
        shape: [],
        cotangent: { dtype: "f32", shape: [], data: [1] },
      },
    ],
  };
}

/** A clipped gradient shows in a plain step of rate 1 from 0, negated; several are those of as many params. */
async function checkClipping(rc: RuleCase, check: KerasCheck, target: Target) {
  const { grad, grads } = check.inputs;
  const gradients =
    grad === undefined ? (grads as readonly Nested[]).map(tensorOf) : [tensorOf(grad)];
  const program = withGradients(
    kerasOptimizer("SGD", { ...rc.config, learning_rate: 1 }),
    gradients.map((gradient) => [zerosLike(gradient), gradient]),
  );
  const { steps } = await target.run(program, [{}]);
  const found = gradients.flatMap((_, i) =>
    Array.from(steps[0]!.get(paramPath(`x${i}`))!, (moved) => -moved),
  );
  const wanted = leavesOf(check.derived.clipped!).map(Number);
  return compare("clipped", found, wanted, kerasTolerance[target.precision], "element");
}

/** What deviates; empty if nothing does. */
export async function checkKerasCase(
  c: KerasCase,
  folder: string,
  target: Target,
): Promise<string[]> {
  const file = JSON.parse(readFileSync(join(folder, c.file), "utf8")) as KerasFile;
  const deviations: string[] = [];
  for (const [i, check] of file.checks.entries()) {
    const found = await checkOne(c, ruleCase(c, file, check), check, target);
    for (const text of found) {
      if (text !== undefined)
        deviations.push(`check ${i} ${JSON.stringify(check.config)}: ${text}`);
    }
  }
  return deviations;
}
