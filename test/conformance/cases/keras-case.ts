/** Cases of the `keras` folder: figures that Keras' own tests assert, as JSON files of several checks each. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CaseProgram,
  NotExpressible,
  paramPath,
  rowsName,
  type Tensor,
} from "./case-program.ts";
import type { RuleCase, RuleTable } from "./case-rules.ts";
import { compare, firstOf, kerasTolerance } from "./compare.ts";
import { kerasLayerProgram } from "./keras/layers.ts";
import { kerasLossProgram, takesClassNumbers } from "./keras/losses.ts";
import { kerasMetricProgram } from "./keras/metrics.ts";
import { kerasOptimizer } from "./keras/optimizers.ts";
import { kerasRecurrentProgram } from "./keras/recurrent.ts";
import { kerasScheduleRules } from "./keras/schedules.ts";
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

const tables: Readonly<Record<string, RuleTable>> = {
  schedule: kerasScheduleRules,
};

const layerCategories = ["activation", "layer", "norm", "attention"];

/** `Bidirectional(LSTM)` of `keras.layers.Bidirectional(LSTM)`; `activations` of `keras.ops / keras.activations`. */
const className = (keras: string): string =>
  /([\w]+(\([\w]+\))?)$/.exec(keras.split(",")[0]!)?.[1] ?? keras;

function ruleCase(c: KerasCase, file: KerasFile, check: KerasCheck): RuleCase {
  const op = className(c.keras);
  const inputs = Object.entries(check.inputs).map(([name, nested]) => {
    const tensor = tensorOf(nested);
    const isLabel =
      takesClassNumbers(op) &&
      /^(y_true|target|ref_labels|target_length|output_length)$/.test(name);
    return [name, isLabel ? { ...tensor, dtype: "i32" as const } : tensor] as const;
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

function programOf(c: KerasCase, rc: RuleCase): CaseProgram {
  if (layerCategories.includes(c.category)) return kerasLayerProgram(rc);
  if (c.category === "loss") return kerasLossProgram(rc);
  if (c.category === "metric") return kerasMetricProgram(rc);
  if (c.category === "rnn") return kerasRecurrentProgram(rc);
  const outputs = [...rc.outputs];
  const rule = tables[c.category]?.[rc.op];
  if (rule === undefined) throw new NotExpressible(`${c.keras}`);
  const { statements = [], outputs: expressions } = rule(rc);
  return {
    params: new Map(),
    inputs: rc.inputs,
    statements,
    outputs: outputs.map(([name, shape]) => {
      const expression = expressions[name];
      if (expression === undefined) throw new NotExpressible(`the output ${name} of ${c.keras}`);
      return { name, expression, shape };
    }),
  };
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
  const isClip = rc.inputs.has("grad");
  const grads = isClip ? [check.inputs.grad!] : (check.inputs.grads as readonly Nested[]);
  const gradients = grads.map(tensorOf);
  const shape = gradients[0]!.shape;
  const start = rc.inputs.get("x0") ?? {
    dtype: "f32" as const,
    shape,
    data: Array.from(gradients[0]!.data, () => 0),
  };
  // A clipped gradient shows in a plain step of rate 1 from 0, negated.
  const names = isClip ? ["SGD"] : rc.reference.split(" / ").map(className);
  const deviations: (string | undefined)[] = [];
  for (const name of names) {
    const config = isClip ? { ...check.config, learning_rate: 1 } : check.config;
    const program: CaseProgram = {
      ...kerasOptimizer(name, config),
      params: new Map([["x", start]]),
      inputs: new Map([["g", gradients[0]!]]),
      statements: [],
      outputs: [
        {
          name: "loss",
          expression: "sum(x * g)",
          shape: [],
          cotangent: { dtype: "f32", shape: [], data: [1] },
        },
      ],
    };
    const steps: Step[] = gradients.map((g) => ({ columns: new Map([[rowsName("g"), g]]) }));
    const { steps: after } = await target.run(program, steps);
    const positions = after.map((tensors) => Array.from(tensors.get(paramPath("x"))!));
    for (const [key, nested] of Object.entries(check.derived)) {
      const { data } = tensorOf(nested);
      const found =
        key === "clipped"
          ? positions.flat().map((x) => -x)
          : key === "x_after_each_step"
            ? positions.flat()
            : positions.at(-1)!;
      deviations.push(
        compare(`${name} ${key}`, found, data, kerasTolerance[target.precision], "element"),
      );
    }
  }
  return deviations;
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
