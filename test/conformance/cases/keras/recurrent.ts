/** Keras' recurrent layers as programs that apply the library's, their weights set. */

import { snakeCase } from "../../../../compiler/semantics/paths.ts";
import { type CaseProgram, NotExpressible, type Tensor } from "../case-program.ts";
import { isSet, type RuleCase, shapeOf } from "../case-rules.ts";
import { argumentsOf } from "./layer-arguments.ts";

const cells = ["SimpleRNNCell", "LSTMCell", "GRUCell"];
const layers = ["SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"];
/** Arguments of wrappers; all others are those of what they wrap. */
const wrapperArguments: Readonly<Record<string, ReadonlySet<string>>> = {
  Bidirectional: new Set(["merge_mode"]),
  TimeDistributed: new Set(),
  RNN: new Set([
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
  ]),
};
const weightNames = ["kernel", "recurrent_kernel", "bias"];

interface Layer {
  /** How it is made. */
  readonly expression: string;
  /** Where each of the case's weights goes, below the layer. */
  readonly weights: ReadonlyMap<string, string>;
}

function layerOf({ op, config }: RuleCase): Layer {
  const [, wrapper, wrapped] = /^(\w+)\((\w+)\)$/.exec(op) ?? [];
  const name = wrapped ?? op;
  const given = Object.entries(config);
  const ofWrapper = wrapper === undefined ? new Set<string>() : wrapperArguments[wrapper];
  if (ofWrapper === undefined) throw new NotExpressible(op);
  const expression = `${name}(${argumentsOf(given.filter(([key]) => !ofWrapper.has(key)))})`;
  const others = argumentsOf(given.filter(([key]) => ofWrapper.has(key)));
  const whole = `${wrapper}(${expression}${others === "" ? "" : `, ${others}`})`;
  if (wrapper === "RNN" || wrapper === "TimeDistributed") {
    const path = snakeCase(name);
    return {
      expression: whole,
      weights: new Map(weightNames.map((weight) => [weight, `${path}/${weight}`])),
    };
  }
  if (cells.includes(name) && wrapper === undefined) {
    return { expression, weights: new Map(weightNames.map((weight) => [weight, weight])) };
  }
  if (!layers.includes(name)) throw new NotExpressible(op);
  const cell = snakeCase(`${name.replace(/\dD$/, "")}Cell`);
  if (wrapper === undefined) {
    const weights = new Map(weightNames.map((weight) => [weight, `${cell}/${weight}`]));
    return { expression, weights };
  }
  const weights = ["forward", "backward"].flatMap((way) =>
    weightNames.map((weight): [string, string] => [
      `${way}_${weight}`,
      `${way}_${snakeCase(name)}/${cell}/${weight}`,
    ]),
  );
  return { expression: whole, weights: new Map(weights) };
}

/** What cases call the states that a call begins with. */
const stateNames = /^(initial_)?states?(_[hc]|_\d)?$|^[hc]0?$|^(forward|backward)_[hc]0?$/;

/** The states that a call begins with: one tensor each, or one with all of them, one after the other. */
function initialStates(c: RuleCase): [string, Tensor][] {
  const given = [...c.inputs].filter(([name]) => stateNames.test(name)).map(([, state]) => state);
  // A state leads with the batch as x does, and has no time.
  const isCell = c.op.endsWith("Cell");
  const rank = shapeOf(c, "x").length - (isCell ? 0 : 1);
  return given
    .flatMap((state) => (state.shape.length > rank ? partsOf(state) : [state]))
    .map((state, i) => [`state_${i}`, state]);
}

/** The items of the first axis. */
function partsOf({ dtype, shape, data }: Tensor): Tensor[] {
  const [count, ...rest] = shape as [number, ...number[]];
  const size = rest.reduce((product, extent) => product * extent, 1);
  return Array.from({ length: count }, (_, i) => ({
    dtype,
    shape: rest,
    data: Array.from(data).slice(i * size, (i + 1) * size),
  }));
}

export function kerasRecurrentProgram(c: RuleCase): CaseProgram {
  shapeOf(c, "x");
  const { expression, weights } = layerOf(c);
  const states = initialStates(c);
  const isMasked = c.inputs.has("mask");
  const batches = new Map(
    [...c.inputs].filter(([name]) => name === "x" || name === "mask").concat(states),
  );
  const begin = states.length === 0 ? "" : `, [${states.map(([name]) => name).join(", ")}]`;
  const call = `layer_of_case(${isMasked ? "with_mask(x, mask)" : "x"}${begin})`;
  const isList = isSet(c, "return_state") || c.config.merge_mode === null || c.op.endsWith("Cell");
  return {
    params: new Map(),
    inputs: new Map(),
    batches,
    weights: new Map(
      [...weights].flatMap(([name, path]) => {
        const tensor = c.inputs.get(name);
        return tensor === undefined ? [] : [[`layer_of_case/${path}`, tensor] as const];
      }),
    ),
    statements: [
      `layer_of_case = ${expression}`,
      // The figures of a stateful layer are those of its second call.
      ...(isSet(c, "stateful") ? [`_first = ${call}`] : []),
      `given = ${call}`,
    ],
    outputs: [...c.outputs].map(([name, shape], i) => ({
      name,
      expression: isList ? `given[${i}]` : "given",
      shape,
      isBatch: true,
    })),
  };
}
