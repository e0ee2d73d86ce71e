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

/** The states that a call begins with: `initial_state` has one after the other. */
function initialStates(c: RuleCase): [string, Tensor][] {
  const stack = c.inputs.get("initial_state") ?? c.inputs.get("states");
  if (stack === undefined) return [];
  const [count, ...shape] = stack.shape as [number, ...number[]];
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Array.from({ length: count }, (_, i) => {
    const data = Array.from(stack.data).slice(i * size, (i + 1) * size);
    return [`state_${i}`, { dtype: stack.dtype, shape, data }];
  });
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
