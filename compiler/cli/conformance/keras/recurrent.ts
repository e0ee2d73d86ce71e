/**
 * Keras' recurrent layers, unrolled over the steps of the sequence. Input is [batch, time, features], kernels are
 * [inputs, gates·units]; a masked step keeps the state and repeats the last output, which begins as 0.
 */

import { NotExpressible } from "../case-program.ts";
import {
  isSet,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  textIn,
} from "../case-rules.ts";

interface Layer {
  readonly c: RuleCase;
  readonly units: number;
  /** Of the names of the weights: `forward_`. */
  readonly prefix: string;
  readonly isReversed: boolean;
}

interface Cell {
  readonly states: number;
  /** Statements that bind `h` (and `c`) of a step, from the input and the names of the states. */
  readonly step: (
    layer: Layer,
    input: string,
    states: readonly string[],
    name: (what: string) => string,
  ) => string[];
}

const has = ({ c, prefix }: Layer, weight: string): boolean => c.inputs.has(`${prefix}${weight}`);

/** input @ kernel + bias + state @ recurrent_kernel. */
const preactivation = (layer: Layer, input: string, state: string): string => {
  const { prefix } = layer;
  const bias = has(layer, "bias") ? ` + ${prefix}bias` : "";
  return `${input} @ ${prefix}kernel + ${state} @ ${prefix}recurrent_kernel${bias}`;
};

const simple: Cell = {
  states: 1,
  step: (layer, input, [h], name) => [
    `${name("h")} = ${textIn(layer.c, "activation", "tanh")}(${preactivation(layer, input, h!)})`,
  ],
};

const lstm: Cell = {
  states: 2,
  step: (layer, input, [h, cell], name) => [
    `(${["i", "f", "g", "o"].map(name).join(", ")}) = split(${preactivation(layer, input, h!)}, 4)`,
    `${name("c")} = sigmoid(${name("f")}) * ${cell} + sigmoid(${name("i")}) * tanh(${name("g")})`,
    `${name("h")} = sigmoid(${name("o")}) * tanh(${name("c")})`,
  ],
};

const gru: Cell = {
  states: 1,
  step: (layer, input, [h], name) => {
    const { c, units, prefix } = layer;
    const resetsAfter = c.config.reset_after !== false;
    const row = (i: number) =>
      has(layer, "bias") ? ` + ${prefix}bias${resetsAfter ? `[${i}]` : ""}` : "";
    const part = (of: string, from: number) =>
      `${name(of)}[:, ${from * units}:${(from + 1) * units}]`;
    const gates = [
      `${name("z")} = sigmoid(${part("a", 0)} + ${part("r", 0)})`,
      `${name("reset")} = sigmoid(${part("a", 1)} + ${part("r", 1)})`,
    ];
    const candidate = resetsAfter
      ? `${name("reset")} * ${part("r", 2)}`
      : `(${name("reset")} * ${h}) @ ${prefix}recurrent_kernel[:, ${2 * units}:]`;
    return [
      `${name("a")} = ${input} @ ${prefix}kernel${row(0)}`,
      `${name("r")} = ${h} @ ${prefix}recurrent_kernel${resetsAfter ? row(1) : ""}`,
      ...gates,
      `${name("n")} = tanh(${part("a", 2)} + ${candidate})`,
      `${name("h")} = ${name("z")} * ${h} + (1 - ${name("z")}) * ${name("n")}`,
    ];
  },
};

interface Unrolled {
  readonly statements: readonly string[];
  /** Outputs in the order they are made. */
  readonly outputs: readonly string[];
  readonly states: readonly string[];
}

/** One call of a layer on x; `call` tells the names of several calls apart. */
function unroll(
  layer: Layer,
  cell: Cell,
  call: number,
  initial: readonly string[] | null,
): Unrolled {
  const { c, units, prefix, isReversed } = layer;
  const [batch, steps] = shapeOf(c, "x") as [number, number];
  const statements: string[] = [];
  const zeros = `full([${batch}, ${units}], 0.0)`;
  const at = (what: string, k: number | string) => `${prefix}${what}_${call}_${k}`;
  let states = Array.from({ length: cell.states }, (_, i) => {
    statements.push(`${at(`state${i}`, "first")} = ${initial?.[i] ?? zeros}`);
    return at(`state${i}`, "first");
  });
  statements.push(`${at("shown", "first")} = ${zeros}`);
  let shown = at("shown", "first");
  const outputs: string[] = [];
  for (let k = 0; k < steps; k++) {
    const time = isReversed ? steps - 1 - k : k;
    const name = (what: string) => at(what, k);
    statements.push(...cell.step(layer, `x[:, ${time}]`, states, name));
    const made = ["h", "c"].slice(0, cell.states).map(name);
    if (c.inputs.has("mask")) {
      const isReal = `reshape(mask[:, ${time}], [${batch}, 1])`;
      states = made.map((state, i) => {
        statements.push(`${name(`kept${i}`)} = if ${isReal} then ${state} else ${states[i]}`);
        return name(`kept${i}`);
      });
      const otherwise = isSet(c, "zero_output_for_mask") ? "0.0" : shown;
      statements.push(`${name("shown")} = if ${isReal} then ${made[0]} else ${otherwise}`);
      shown = name("shown");
    } else {
      states = made;
      shown = made[0]!;
    }
    outputs.push(shown);
  }
  return { statements, outputs, states };
}

function initialStates(c: RuleCase): readonly string[] | null {
  if (!c.inputs.has("initial_state")) return null;
  return Array.from({ length: shapeOf(c, "initial_state")[0]! }, (_, i) => `initial_state[${i}]`);
}

const sequence = (outputs: readonly string[]): string => `stack([${outputs.join(", ")}], axis = 1)`;

function layerRule(cell: Cell) {
  return (c: RuleCase): RuleResult => {
    const layer = {
      c,
      units: numberIn(c, "units"),
      prefix: "",
      isReversed: isSet(c, "go_backwards"),
    };
    const first = unroll(layer, cell, 0, initialStates(c));
    // The figures of a stateful layer are those of its second call.
    const calls = isSet(c, "stateful") ? [first, unroll(layer, cell, 1, first.states)] : [first];
    const { outputs } = calls.at(-1)!;
    return {
      statements: calls.flatMap(({ statements }) => statements),
      outputs: { output: isSet(c, "return_sequences") ? sequence(outputs) : outputs.at(-1)! },
    };
  };
}

function bidirectional(cell: Cell) {
  return (c: RuleCase): RuleResult => {
    const units = numberIn(c, "units");
    const forward = unroll({ c, units, prefix: "forward_", isReversed: false }, cell, 0, null);
    const backward = unroll({ c, units, prefix: "backward_", isReversed: true }, cell, 0, null);
    const isSequence = isSet(c, "return_sequences");
    const [f, b] = [
      isSequence ? sequence(forward.outputs) : forward.outputs.at(-1)!,
      isSequence ? sequence([...backward.outputs].reverse()) : backward.outputs.at(-1)!,
    ];
    const merges: Readonly<Record<string, string>> = {
      concat: `concat([${f}, ${b}], axis = -1)`,
      sum: `${f} + ${b}`,
      ave: `(${f} + ${b}) / 2`,
      mul: `${f} * ${b}`,
    };
    const mode = textIn(c, "merge_mode", "concat");
    if (merges[mode] === undefined) throw new NotExpressible(`the merge mode ${mode}`);
    const states = Object.fromEntries(
      ["h", "c"].slice(0, cell.states).flatMap((state, i) => [
        [`${state}_forward`, forward.states[i]!],
        [`${state}_backward`, backward.states[i]!],
      ]),
    );
    const all: Record<string, string> = { output: merges[mode], ...states };
    return {
      statements: [...forward.statements, ...backward.statements],
      outputs: Object.fromEntries(Object.entries(all).filter(([name]) => c.outputs.has(name))),
    };
  };
}

/** `padding` "same" where a step's output must keep the size of its input. */
function convolved(
  result: string,
  x: string,
  kernel: string,
  sizes: { batch: number; image: readonly number[]; kernel: readonly number[]; isSame: boolean },
): string {
  const [height, width, inner, outer] = sizes.kernel as [number, number, number, number];
  const before = (extent: number) => (sizes.isSame ? Math.floor((extent - 1) / 2) : 0);
  const [rows, columns] = sizes.image as [number, number];
  return (
    `${result}[n < ${sizes.batch}, p < ${rows}, q < ${columns}, o < ${outer}] = ` +
    `sum[i < ${height}, j < ${width}, e < ${inner}] ` +
    `${x}[n, p + i - ${before(height)}, q + j - ${before(width)}, e] * ${kernel}[i, j, e, o]`
  );
}

/** ConvLSTM2D with strides of 1: both products of the LSTM are convolutions. */
function convLstm(c: RuleCase): RuleResult {
  const [batch, steps, rows, columns] = shapeOf(c, "x") as [number, number, number, number];
  const kernel = shapeOf(c, "kernel");
  const isSame = textIn(c, "padding", "valid") === "same";
  if (c.config.strides !== undefined) throw new NotExpressible("ConvLSTM2D with strides");
  const image = isSame ? [rows, columns] : [rows - kernel[0]! + 1, columns - kernel[1]! + 1];
  const units = numberIn(c, "filters");
  const zeros = `full([${batch}, ${image.join(", ")}, ${units}], 0.0)`;
  const statements = [`h_first = ${zeros}`, `c_first = ${zeros}`];
  let [h, cell] = ["h_first", "c_first"];
  const outputs: string[] = [];
  for (let t = 0; t < steps; t++) {
    const name = (what: string) => `${what}_${t}`;
    const recurrent = { batch, image, kernel: shapeOf(c, "recurrent_kernel"), isSame: true };
    statements.push(
      `${name("x")} = x[:, ${t}]`,
      convolved(name("a"), name("x"), "kernel", { batch, image, kernel, isSame }),
      convolved(name("r"), h, "recurrent_kernel", recurrent),
      `(${["i", "f", "g", "o"].map(name).join(", ")}) = split(${name("a")} + ${name("r")}${c.inputs.has("bias") ? " + bias" : ""}, 4)`,
      `${name("c")} = sigmoid(${name("f")}) * ${cell} + sigmoid(${name("i")}) * tanh(${name("g")})`,
      `${name("h")} = sigmoid(${name("o")}) * tanh(${name("c")})`,
    );
    [h, cell] = [name("h"), name("c")];
    outputs.push(h);
  }
  return { statements, outputs: { output: isSet(c, "return_sequences") ? sequence(outputs) : h } };
}

const cells: Readonly<Record<string, Cell>> = { SimpleRNN: simple, LSTM: lstm, GRU: gru };

export const kerasRecurrentRules: RuleTable = {
  ...Object.fromEntries(
    Object.entries(cells).flatMap(([name, cell]) => [
      [name, layerRule(cell)],
      [`Bidirectional(${name})`, bidirectional(cell)],
    ]),
  ),
  ConvLSTM2D: convLstm,
};
