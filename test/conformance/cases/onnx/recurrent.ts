/** Recurrent layers as loops. Inputs are [T, N, I] or, with `layout` 1, [N, T, I]; weights have a row for each direction. */

import { NotExpressible } from "../case-program.ts";
import { float, list } from "../case-rules.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";

interface ActivationKind {
  /** What `activation_alpha` and `activation_beta` are where they are not given; none where there is no such. */
  readonly defaults: readonly number[];
  readonly say: (x: string, alpha: string, beta: string) => string;
}

const plain = (name: string): ActivationKind => ({ defaults: [], say: (x) => `${name}(${x})` });

const activationKinds: Readonly<Record<string, ActivationKind>> = {
  Tanh: plain("tanh"),
  Sigmoid: plain("sigmoid"),
  Relu: plain("relu"),
  Softsign: plain("softsign"),
  Softplus: plain("softplus"),
  Elu: { defaults: [1], say: (x, alpha) => `elu(${x}, alpha = ${alpha})` },
  LeakyRelu: { defaults: [0.01], say: (x, alpha) => `leaky_relu(${x}, negative_slope = ${alpha})` },
  ThresholdedRelu: { defaults: [1], say: (x, alpha) => `threshold(${x}, ${alpha}, 0.0)` },
  Affine: { defaults: [1, 0], say: (x, alpha, beta) => `(${alpha} * (${x}) + ${beta})` },
  ScaledTanh: { defaults: [1, 1], say: (x, alpha, beta) => `(${alpha} * tanh(${beta} * (${x})))` },
  HardSigmoid: {
    defaults: [0.2, 0.5],
    say: (x, alpha, beta) => `clip(${alpha} * (${x}) + ${beta}, 0.0, 1.0)`,
  },
};

type Activation = (x: string) => string;

/** What a direction of a layer computes with; all are names but the numbers. */
interface Direction {
  readonly x: string;
  readonly steps: number;
  /** Of a state: [N, H]. */
  readonly shape: readonly [number, number];
  readonly isReversed: boolean;
  readonly kernel: string;
  readonly recurrentKernel: string;
  /** Of the input and of the state, each as long as all gates. */
  readonly biases: readonly [string, string] | undefined;
  readonly peepholes: readonly [string, string, string] | undefined;
  readonly initial: readonly string[];
  /** Lengths of the sequences, where they differ. */
  readonly lengths: string | undefined;
  readonly activations: readonly Activation[];
}

/** One step: statements, and the states after it. The first state is the output. */
type Step = (
  call: NodeCall,
  direction: Direction,
  z: { readonly input: string; readonly inner: string },
  states: readonly string[],
) => { readonly lines: readonly string[]; readonly next: readonly string[] };

interface Layer {
  readonly gates: number;
  readonly states: number;
  readonly activations: readonly string[];
  readonly step: Step;
}

const rnnStep: Step = (_call, { activations: [f] }, { input, inner }) => ({
  lines: [],
  next: [f!(`${input} + ${inner}`)],
});

/** Gates i, o, f, c; peepholes let i and f see the cell before, and o the cell after. */
const lstmStep: Step = (call, direction, { input, inner }, [, cell]) => {
  const [f, g, h] = direction.activations as [Activation, Activation, Activation];
  const [i, o, forget, candidate, next, kept] = call.fresh(6) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const [ofInput, ofOutput, ofForget] = direction.peepholes ?? [];
  const seeing = (weights: string | undefined, state: string) =>
    weights === undefined ? "" : ` + ${weights} * ${state}`;
  const isCoupled = call.int("input_forget", 0) === 1;
  const entering = f(`${i}${seeing(ofInput, cell!)}`);
  return {
    lines: [
      `(${i}, ${o}, ${forget}, ${candidate}) = split(${input} + ${inner}, 4)`,
      `${kept} = ${isCoupled ? `1.0 - ${entering}` : f(`${forget}${seeing(ofForget, cell!)}`)}`,
      `${next} = ${kept} * ${cell} + ${entering} * ${g(candidate)}`,
    ],
    next: [`${f(`${o}${seeing(ofOutput, next)}`)} * ${h(next)}`, next],
  };
};

/** Gates z, r, h; with `linear_before_reset` r applies behind the product with the state. */
const gruStep: Step = (call, direction, { input, inner }, [state]) => {
  const [f, g] = direction.activations as [Activation, Activation];
  const units = direction.shape[1];
  const [z, r] = call.fresh(2) as [string, string];
  const gate = (of: string, first: number) => `${of}[:, ${first * units}:${(first + 1) * units}]`;
  const isBehind = call.int("linear_before_reset", 0) !== 0;
  const bias = direction.biases === undefined ? "" : ` + ${direction.biases[1]}[${2 * units}:]`;
  const candidate = isBehind
    ? `${r} * ${gate(inner, 2)}`
    : `(${r} * ${state}) @ ${direction.recurrentKernel}[:, ${2 * units}:]${bias}`;
  return {
    lines: [
      `${z} = ${f(`${gate(input, 0)} + ${gate(inner, 0)}`)}`,
      `${r} = ${f(`${gate(input, 1)} + ${gate(inner, 1)}`)}`,
    ],
    next: [`(1.0 - ${z}) * ${g(`${gate(input, 2)} + ${candidate}`)} + ${z} * ${state}`],
  };
};

/** The functions of all directions; the lists of parameters have entries for those that take any. */
function activationsOf(call: NodeCall, layer: Layer, directions: number): Activation[] {
  const usual = Array.from({ length: directions }, () => layer.activations).flat();
  const lists = ["activation_alpha", "activation_beta"].map((name) => [
    ...(call.floats(name) ?? []),
  ]);
  const clip = call.has("clip") ? float(call.float("clip")) : undefined;
  return (call.strings("activations") ?? usual).map((name) => {
    const kind = activationKinds[name];
    if (kind === undefined) throw new NotExpressible(`the activation ${name}`);
    const [alpha, beta] = kind.defaults.map((usually, i) => float(lists[i]!.shift() ?? usually));
    const clipped = (x: string) => (clip === undefined ? x : `clip(${x}, -${clip}, ${clip})`);
    return (x) => kind.say(clipped(x), alpha ?? "", beta ?? "");
  });
}

/** The loop of one direction: names of its states, of which the first is also the output. */
function run(call: NodeCall, layer: Layer, direction: Direction): readonly string[] {
  const { x, steps, shape, kernel, recurrentKernel, biases, lengths } = direction;
  const states = call.fresh(layer.states);
  const [input, inner] = call.fresh(2) as [string, string];
  const [ofInput, ofState] = biases?.map((name) => ` + ${name}`) ?? ["", ""];
  const { lines, next } = layer.step(call, direction, { input, inner }, states);
  const isReal = `reshape(${lengths} > t, [${shape[0]}, 1])`;
  const body = [
    `${input} = ${x}[t] @ ${kernel}${ofInput}`,
    `${inner} = ${states[0]} @ ${recurrentKernel}${ofState}`,
    ...lines,
    ...states.map((state, i) =>
      lengths === undefined
        ? `${state}' = ${next[i]}`
        : `${state}' = if ${isReal} then ${next[i]} else ${state}`,
    ),
  ];
  const tuple = (names: readonly string[]) =>
    names.length === 1 ? names[0]! : `(${names.join(", ")})`;
  const order = direction.isReversed ? " reversed" : "";
  call.state(
    `${tuple(states)} = scan t in ${steps}${order} from ${tuple(direction.initial)} {\n` +
      `${body.map((line) => `    ${line}\n`).join("")}  }`,
    states,
  );
  return states;
}

/** What a step gave: 0 behind the end of a sequence. */
function outputsOf(call: NodeCall, state: string, direction: Direction): string {
  const { steps, shape, lengths } = direction;
  const all = `${state}.all`;
  if (lengths === undefined) return all;
  const real = call.define(
    `reshape(${lengths}, [1, ${shape[0]}, 1]) > reshape(stack(${list(Array.from({ length: steps }, (_, t) => t))}), [${steps}, 1, 1])`,
    [steps, shape[0], 1],
    "bool",
  );
  return call.define(`if ${real.expression} then ${all} else 0.0`, [steps, ...shape]).expression;
}

const recurrent =
  (layer: Layer) =>
  (call: NodeCall): Value[] => {
    const isBatchFirst = call.int("layout", 0) === 1;
    const given = call.input(0);
    const x = isBatchFirst
      ? call.define(`transpose(${given.expression}, [1, 0, 2])`, [
          given.shape[1]!,
          given.shape[0]!,
          given.shape[2]!,
        ])
      : given;
    const [steps, samples] = x.shape as [number, number, number];
    const [w, r] = [call.input(1), call.input(2)];
    const [directions, , units] = r.shape as [number, number, number];
    const [bias, lengths] = [call.inputs[3], call.inputs[4]];
    const peepholes = layer.states === 2 ? call.inputs[7] : undefined;
    const activations = activationsOf(call, layer, directions);
    const way = call.string("direction", "forward");
    const shape = [samples, units] as const;
    const ways = Array.from({ length: directions }, (_, d) => {
      const define = (expression: string, of: readonly number[]) =>
        call.define(expression, of).expression;
      const { states, gates } = layer;
      const begin = (i: number) => {
        const initial = call.inputs[5 + i];
        if (initial === undefined) return `full(${list(shape)}, 0.0)`;
        return isBatchFirst ? `${initial.expression}[:, ${d}]` : `${initial.expression}[${d}]`;
      };
      const part = (from: Value, i: number, of: number) =>
        define(`${from.expression}[${d}, ${i * of}:${(i + 1) * of}]`, [of]);
      const direction: Direction = {
        x: x.expression,
        steps,
        shape,
        isReversed: way === "reverse" || d === 1,
        kernel: define(`transpose(${w.expression}[${d}])`, [w.shape[2]!, gates * units]),
        recurrentKernel: define(`transpose(${r.expression}[${d}])`, [units, gates * units]),
        biases: bias && [part(bias, 0, gates * units), part(bias, 1, gates * units)],
        peepholes: peepholes && [
          part(peepholes, 0, units),
          part(peepholes, 1, units),
          part(peepholes, 2, units),
        ],
        initial: Array.from({ length: states }, (_, i) => begin(i)),
        lengths: lengths?.expression,
        activations: activations.slice(d * layer.activations.length),
      };
      const last = run(call, layer, direction);
      return { all: outputsOf(call, last[0]!, direction), last };
    });
    const stacked = (names: readonly string[], axis: number, of: readonly number[]) =>
      call.define(`stack(${list(names)}, axis = ${axis})`, of);
    const all = ways.map((each) => each.all);
    const y = isBatchFirst
      ? stacked(
          all.map((name) => `transpose(${name}, [1, 0, 2])`),
          2,
          [samples, steps, directions, units],
        )
      : stacked(all, 1, [steps, directions, samples, units]);
    const lasts = Array.from({ length: layer.states }, (_, i) => {
      const names = ways.map(({ last }) => last[i]!);
      return isBatchFirst
        ? stacked(names, 1, [samples, directions, units])
        : stacked(names, 0, [directions, samples, units]);
    });
    return [y, ...lasts];
  };

export const recurrentRules: Rules = {
  RNN: recurrent({ gates: 1, states: 1, activations: ["Tanh"], step: rnnStep }),
  LSTM: recurrent({
    gates: 4,
    states: 2,
    activations: ["Sigmoid", "Tanh", "Tanh"],
    step: lstmStep,
  }),
  GRU: recurrent({ gates: 3, states: 1, activations: ["Sigmoid", "Tanh"], step: gruStep }),
};
