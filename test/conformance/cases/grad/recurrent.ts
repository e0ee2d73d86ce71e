/**
 * Recurrent layers, unrolled: the language has no `scan` yet, and short sequences need none. PyTorch's layout: input
 * [time, batch, features], w_ih [gates·H, I], w_hh [gates·H, H].
 */

import { NotExpressible } from "../case-program.ts";
import {
  isSet,
  list,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
} from "../case-rules.ts";

export interface RecurrentLayer {
  readonly x: string;
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  /** Of the names of its weights, and of what it binds: `_fw`, `_l1`. */
  readonly suffix: string;
  readonly isReversed?: boolean;
  readonly initial?: string;
  /** Lengths of the samples, where they differ. */
  readonly lengths?: string;
}

export interface UnrolledLayer {
  readonly statements: string[];
  /** Name of the state after the step at each time, in order of time. */
  readonly hidden: readonly string[];
  readonly last: string;
  readonly lastCell?: string;
}

interface Step {
  readonly input: string;
  readonly state: string;
  readonly name: (what: string) => string;
}

type Cell = (layer: RecurrentLayer, step: Step, cell: string) => string[];

/** x wᵀ + b for the input and for the state. */
const gates = ({ suffix }: RecurrentLayer, { input, state, name }: Step): string[] => [
  `${name("a")} = ${input} @ transpose(w_ih${suffix}) + b_ih${suffix}`,
  `${name("r")} = ${state} @ transpose(w_hh${suffix}) + b_hh${suffix}`,
];

const lstmCell: Cell = (layer, step, cell) => {
  const { name } = step;
  return [
    ...gates(layer, step),
    `(${["i", "f", "g", "o"].map(name).join(", ")}) = split(${name("a")} + ${name("r")}, 4)`,
    `${name("c")} = sigmoid(${name("f")}) * ${cell} + sigmoid(${name("i")}) * tanh(${name("g")})`,
    `${name("h")} = sigmoid(${name("o")}) * tanh(${name("c")})`,
  ];
};

const gruCell: Cell = (layer, step) => {
  const { name, state } = step;
  return [
    ...gates(layer, step),
    `(${["ar", "az", "an"].map(name).join(", ")}) = split(${name("a")}, 3)`,
    `(${["rr", "rz", "rn"].map(name).join(", ")}) = split(${name("r")}, 3)`,
    `${name("z")} = sigmoid(${name("az")} + ${name("rz")})`,
    `${name("n")} = tanh(${name("an")} + sigmoid(${name("ar")} + ${name("rr")}) * ${name("rn")})`,
    `${name("h")} = (1 - ${name("z")}) * ${name("n")} + ${name("z")} * ${state}`,
  ];
};

/** Keras' GRU with `reset_after = False`: gates z, r, h, and r before the product. */
const gruResetBefore: Cell = ({ hidden }, { input, state, name }) => [
  `${name("a")} = ${input} @ w + b`,
  `${name("rec")} = ${state} @ u[:, :${2 * hidden}]`,
  `${name("z")} = sigmoid(${name("a")}[:, :${hidden}] + ${name("rec")}[:, :${hidden}])`,
  `${name("g")} = sigmoid(${name("a")}[:, ${hidden}:${2 * hidden}] + ${name("rec")}[:, ${hidden}:])`,
  `${name("n")} = tanh(${name("a")}[:, ${2 * hidden}:] + (${name("g")} * ${state}) @ u[:, ${2 * hidden}:])`,
  `${name("h")} = ${name("z")} * ${state} + (1 - ${name("z")}) * ${name("n")}`,
];

const simpleCell =
  (activation: string): Cell =>
  (layer, step) => [
    ...gates(layer, step),
    `${step.name("h")} = ${activation}(${step.name("a")} + ${step.name("r")})`,
  ];

function unroll(layer: RecurrentLayer, cell: Cell, hasCell: boolean): UnrolledLayer {
  const { x, steps, batch, hidden, suffix, isReversed = false, initial, lengths } = layer;
  const zeros = `full([${batch}, ${hidden}], 0.0)`;
  const statements = [`start${suffix} = ${initial ?? zeros}`];
  if (hasCell) statements.push(`start_cell${suffix} = ${zeros}`);
  let state = `start${suffix}`;
  let memory = `start_cell${suffix}`;
  const states: string[] = Array(steps).fill("");
  for (let k = 0; k < steps; k++) {
    const time = isReversed ? steps - 1 - k : k;
    const name = (what: string) => `${what}${suffix}_${time}`;
    statements.push(...cell(layer, { input: `${x}[${time}]`, state, name }, memory));
    if (lengths !== undefined) {
      const isReal = `reshape(${lengths} > ${time}, [${batch}, 1])`;
      statements.push(`${name("kept")} = if ${isReal} then ${name("h")} else ${state}`);
      statements.push(`${name("shown")} = if ${isReal} then ${name("h")} else 0.0`);
      if (hasCell) {
        statements.push(`${name("memory")} = if ${isReal} then ${name("c")} else ${memory}`);
      }
    }
    state = name(lengths === undefined ? "h" : "kept");
    memory = name(lengths === undefined ? "c" : "memory");
    states[time] = name(lengths === undefined ? "h" : "shown");
  }
  return { statements, hidden: states, last: state, ...(hasCell && { lastCell: memory }) };
}

export const lstm = (layer: RecurrentLayer): UnrolledLayer => unroll(layer, lstmCell, true);

/** Layers on top of each other, or one each way; outputs y, and h_n (and c_n) of all of them. */
function recurrent(c: RuleCase, cell: Cell, hasCell: boolean): RuleResult {
  const [steps, batch] = shapeOf(c, "x") as [number, number];
  const hidden = numberIn(c, "hidden");
  const isBoth = isSet(c, "bidirectional");
  const count = numberIn(c, "layers", 1);
  if (isBoth && count > 1) throw new NotExpressible("several bidirectional layers");
  if (c.config.time_major === false) throw new NotExpressible("sequences that lead with the batch");
  const common = {
    steps,
    batch,
    hidden,
    ...(c.inputs.has("h0") && { initial: "h0" }),
    ...(c.inputs.has("lengths") && { lengths: "lengths" }),
  };
  const layers: UnrolledLayer[] = [];
  if (isBoth) {
    layers.push(unroll({ ...common, x: "x", suffix: "_fw" }, cell, hasCell));
    layers.push(unroll({ ...common, x: "x", suffix: "_bw", isReversed: true }, cell, hasCell));
  } else {
    for (let i = 0; i < count; i++) {
      const suffix = c.inputs.has("w_ih_l0") ? `_l${i}` : "";
      const x = i === 0 ? "x" : `stacked${i - 1}`;
      const layer = unroll({ ...common, x, suffix }, cell, hasCell);
      layer.statements.push(`stacked${i} = stack(${list(layer.hidden)}, axis = 0)`);
      layers.push(layer);
    }
  }
  const statements = layers.flatMap((layer) => layer.statements);
  const whole = (parts: readonly string[]) =>
    c.outputs.get("h_n")?.length === 2 ? parts[0]! : `stack(${list(parts)}, axis = 0)`;
  const both = layers.map((layer) => `stack(${list(layer.hidden)}, axis = 0)`);
  const outputs: Record<string, string> = {
    y: isBoth ? `concat(${list(both)}, axis = -1)` : `stacked${count - 1}`,
    h_n: whole(layers.map((layer) => layer.last)),
  };
  if (hasCell) outputs.c_n = whole(layers.map((layer) => layer.lastCell!));
  const wanted = Object.entries(outputs).filter(([name]) => c.outputs.has(name));
  return { statements, outputs: Object.fromEntries(wanted) };
}

export const recurrentRules: RuleTable = {
  lstm: (c) => recurrent(c, lstmCell, true),
  gru: (c) => recurrent(c, c.config.reset_after === false ? gruResetBefore : gruCell, false),
  simple_rnn: (c) => recurrent(c, simpleCell(/relu/.test(c.formula) ? "relu" : "tanh"), false),
};
