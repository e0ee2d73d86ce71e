/**
 * Recurrent layers, unrolled: short sequences need no `scan`. PyTorch's layout: input
 * [time, batch, features], w_ih [gates·H, I], w_hh [gates·H, H].
 */

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
  readonly initialCell?: string;
  /** Without biases; they are there otherwise. */
  readonly isUnbiased?: boolean;
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
function gates(layer: RecurrentLayer, { input, state, name }: Step): string[] {
  const { suffix, isUnbiased = false } = layer;
  const bias = (of: string) => (isUnbiased ? "" : ` + b_${of}${suffix}`);
  return [
    `${name("a")} = ${input} @ transpose(w_ih${suffix})${bias("ih")}`,
    `${name("r")} = ${state} @ transpose(w_hh${suffix})${bias("hh")}`,
  ];
}

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
  const {
    x,
    steps,
    batch,
    hidden,
    suffix,
    isReversed = false,
    initial,
    initialCell,
    lengths,
  } = layer;
  const zeros = `full([${batch}, ${hidden}], 0.0)`;
  const statements = [`start${suffix} = ${initial ?? zeros}`];
  if (hasCell) statements.push(`start_cell${suffix} = ${initialCell ?? zeros}`);
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
  const isTimeMajor = c.config.time_major !== false && c.config.batch_first !== true;
  const [first, second] = shapeOf(c, "x") as [number, number];
  const [steps, batch] = isTimeMajor ? [first, second] : [second, first];
  const hidden = numberIn(c, "hidden");
  const ways = isSet(c, "bidirectional") ? ["_fw", "_bw"] : [""];
  const count = numberIn(c, "layers", 1);
  const states = initialStates(c, ways.length * count);
  const common = {
    steps,
    batch,
    hidden,
    isUnbiased: ![...c.inputs.keys()].some((name) => /^b/.test(name)),
    ...(c.inputs.has("lengths") && { lengths: "lengths" }),
  };
  const statements = isTimeMajor ? [] : ["time_major = transpose(x, [1, 0, 2])"];
  let x = isTimeMajor ? "x" : "time_major";
  const layers: UnrolledLayer[] = [];
  for (let i = 0; i < count; i++) {
    const level = [...c.inputs.keys()].some((name) => /_l0(_|$)/.test(name)) ? `_l${i}` : "";
    const both = ways.map((way, w) => {
      // Weights of the ways of a layer are w_ih_l0_fw, or w_ih_fw where there is one layer.
      const suffix = `${level}${way}`;
      const own = states(layers.length + w);
      return unroll({ ...common, ...own, x, suffix, isReversed: w === 1 }, cell, hasCell);
    });
    layers.push(...both);
    const sequences = both.map(({ hidden: all }) => `stack(${list(all)}, axis = 0)`);
    const joined = both.length === 1 ? sequences[0]! : `concat(${list(sequences)}, axis = -1)`;
    x = `stacked${i}`;
    statements.push(...both.flatMap((layer) => layer.statements), `${x} = ${joined}`);
  }
  const whole = (parts: readonly string[]) =>
    c.outputs.get("h_n")?.length === 2 ? parts[0]! : `stack(${list(parts)}, axis = 0)`;
  const outputs: Record<string, string> = {
    y: isTimeMajor ? x : `transpose(${x}, [1, 0, 2])`,
    h_n: whole(layers.map((layer) => layer.last)),
  };
  if (hasCell) outputs.c_n = whole(layers.map((layer) => layer.lastCell!));
  const wanted = Object.entries(outputs).filter(([name]) => c.outputs.has(name));
  return { statements, outputs: Object.fromEntries(wanted) };
}

/** The states that layer number i begins with: each as it is given, or one of several in one tensor. */
function initialStates(c: RuleCase, count: number) {
  const at = (name: string, i: number): string | undefined => {
    if (!c.inputs.has(name)) return undefined;
    return shapeOf(c, name).length === 3 ? `${name}[${Math.min(i, count - 1)}]` : name;
  };
  return (i: number) => {
    const [initial, initialCell] = [at("h0", i), at("c0", i)];
    return {
      ...(initial !== undefined && { initial }),
      ...(initialCell !== undefined && { initialCell }),
    };
  };
}

export const recurrentRules: RuleTable = {
  lstm: (c) => recurrent(c, lstmCell, true),
  gru: (c) => recurrent(c, c.config.reset_after === false ? gruResetBefore : gruCell, false),
  simple_rnn: (c) => recurrent(c, simpleCell(/relu/.test(c.formula) ? "relu" : "tanh"), false),
};
