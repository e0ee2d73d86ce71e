/**
 * Keras' layers and operations as programs that apply the library's layers, their weights set by name. An operation
 * that is a layer's is that layer; only what no layer says is written out here.
 */

import { snakeCase } from "../../../../compiler/semantics/paths.ts";
import { type CaseProgram, NotExpressible, type Tensor } from "../case-program.ts";
import { list, type RuleCase } from "../case-rules.ts";
import { type Application, only, pick, rest, without } from "./application.ts";
import { functionOf } from "./functions.ts";
import { argumentsOf } from "./layer-arguments.ts";
import { literal } from "./literal.ts";
import { operations } from "./operations.ts";

/** The case as a program: of a layer if the library has it, otherwise by a rule. */
export function kerasLayerProgram(given: RuleCase): CaseProgram {
  const c = named(given);
  const isOfLayers = isLayer(c.op) && !/^keras\.(?!layers\.)/.test(c.reference);
  const application = operations[c.op]?.(c) ?? (isOfLayers ? layerCase(c) : undefined);
  if (application !== undefined) return applied(c, application);
  const { statements = [], outputs } = functionOf(c)(c);
  return {
    params: new Map(),
    inputs: c.inputs,
    statements,
    outputs: [...c.outputs].map(([name, shape]) => ({ name, shape, expression: outputs[name]! })),
  };
}

/** What a layer or an operation is applied to goes by several names; `keras.layers.add` is what `Add` is. */
function named(c: RuleCase): RuleCase {
  const isFunction = c.reference.startsWith("keras.layers.") && /^[a-z]+$/.test(c.op);
  const op = isFunction ? `${c.op[0]!.toUpperCase()}${c.op.slice(1)}` : c.op;
  const hasOne = !c.inputs.has("x") && !merged.includes(op);
  const inputs = [...c.inputs].map(([name, tensor]): [string, Tensor] => [
    hasOne && ["inputs", "input", "indices"].includes(name) ? "x" : name,
    tensor,
  ]);
  return { ...c, op, inputs: new Map(inputs) };
}

/** Classes have capitals, operations none; `TimeDistributed(Dense)` is one around another. */
const isLayer = (op: string): boolean => /^[A-Z]\w*(\(\w+\))?$/.test(op);

function applied(c: RuleCase, application: Application): CaseProgram {
  const { name, inputs, weights, call } = application;
  const path = snakeCase(name);
  const names = [...c.outputs.keys()];
  const bound = names.map((output) => `result_${output}`);
  const pattern = names.length === 1 ? bound[0]! : `(${bound.join(", ")})`;
  return {
    params: new Map(),
    inputs: new Map(),
    batches: inputs,
    weights: new Map([...weights].map(([weight, tensor]) => [`${path}/${weight}`, tensor])),
    statements: [`${pattern} = ${made(application)}(${call})`],
    outputs: names.map((output, i) => ({
      name: output,
      expression: bound[i]!,
      shape: c.outputs.get(output)!,
      isBatch: true,
    })),
  };
}

/** `TimeDistributed(Dense(units = 2))` */
function made({ name, config, inner }: Application): string {
  const own = argumentsOf(Object.entries(config));
  if (inner === undefined) return `${name}(${own})`;
  const wrapped = `${inner.name}(${argumentsOf(Object.entries(inner.config))})`;
  return `${name}(${own === "" ? wrapped : `${wrapped}, ${own}`})`;
}

// Layers

/** What a call says rather than the layer's configuration. */
const callArguments = ["use_causal_mask", "return_attention_scores", "reverse"];
const attentionInputs = ["query", "value", "key"];
const attentionMasks = ["query_mask", "value_mask", "key_mask", "attention_mask"];
const merged = [
  "Add",
  "Subtract",
  "Multiply",
  "Average",
  "Maximum",
  "Minimum",
  "Concatenate",
  "Dot",
];

/** Layers whose call takes a mask; all others find that which x carries. */
const maskedCalls = ["Softmax", ...merged];
/** Inputs of calls, beside the tensor that a layer is applied to. */
const callInputs = ["mask", "count_weights", "reverse"];
/** Arguments of wrappers; all others are those of what they wrap. */
const wrapperArguments: Readonly<Record<string, ReadonlySet<string>>> = {
  TimeDistributed: new Set(),
  SpectralNormalization: new Set(["power_iterations"]),
};

function layerCase(c: RuleCase): Application {
  const { op, config } = c;
  if (op === "Attention" || op === "AdditiveAttention") return listAttention(c);
  if (op === "MultiHeadAttention" || op === "GroupQueryAttention") return headAttention(c);
  const [, wrapper, wrapped] = /^(\w+)\((\w+)\)$/.exec(op) ?? [];
  if (wrapper !== undefined) return wrapperCase(c, wrapper, wrapped!);
  if (merged.includes(op)) return mergingCase(c);
  const inputs = pick(c, ["x", ...callInputs]);
  const call = [...inputs.keys()].map((name) => (name === "x" ? "x" : `${name} = ${name}`));
  if (inputs.has("mask") && !maskedCalls.includes(op)) {
    call.splice(0, call.length, "with_mask(x, mask)");
  }
  const given = [...call, ...flagsOf(c)].join(", ");
  const own = without(config, ...callArguments);
  return { name: op, config: own, inputs, weights: rest(c, inputs), call: given };
}

/** Tensors by names of their own, or one tensor of all of them. */
function mergingCase(c: RuleCase): Application {
  const inputs = c.inputs.size === 1 ? parts([...c.inputs.values()][0]!) : c.inputs;
  const call = list([...inputs.keys()]);
  return { name: c.op, config: c.config, inputs, weights: new Map(), call };
}

/** The items of a tensor's first axis. */
function parts({ dtype, shape, data }: Tensor): ReadonlyMap<string, Tensor> {
  const [count = 0, ...rest] = shape;
  const size = rest.reduce((product, extent) => product * extent, 1);
  return new Map(
    Array.from({ length: count }, (_, i) => {
      const part = Array.from(data).slice(i * size, (i + 1) * size);
      return [`input_${i}`, { dtype, shape: rest, data: part }];
    }),
  );
}

/** A layer around another, whose weights are given by their own names. */
function wrapperCase(c: RuleCase, name: string, wrapped: string): Application {
  const own = wrapperArguments[name];
  if (own === undefined) throw new NotExpressible(c.op);
  const inputs = pick(c, ["x", "mask"]);
  const weights = [...rest(c, inputs)].map(([weight, tensor]): [string, Tensor] => {
    const isOwn = weight.startsWith("vector_");
    return [`${isOwn ? "vector" : snakeCase(wrapped)}/${weight}`, tensor];
  });
  const config = only(c.config, own);
  const inner = { name: wrapped, config: without(c.config, ...own) };
  const call = inputs.has("mask") ? "with_mask(x, mask)" : "x";
  return { name, config, inner, inputs, weights: new Map(weights), call };
}

/** What the call says by numbers and words of the configuration. */
const flagsOf = ({ config }: RuleCase): string[] =>
  callArguments
    .filter((key) => config[key] !== undefined)
    .map((key) => `${key} = ${literal(config[key])}`);

/** What an attention's call says beside its inputs. */
function attentionCall(c: RuleCase): string[] {
  const given = flagsOf(c);
  return c.outputs.size > 1 && c.config.return_attention_scores === undefined
    ? [...given, "return_attention_scores = true"]
    : given;
}

/** Of a list of query, value and key, with masks in a list. */
function listAttention(c: RuleCase): Application {
  const inputs = pick(c, [...attentionInputs, ...attentionMasks]);
  const data = attentionInputs.filter((name) => inputs.has(name));
  const isMasked = attentionMasks.some((name) => inputs.has(name));
  const masks = ["query_mask", "value_mask"].map((name) => (inputs.has(name) ? name : "none"));
  const call = [list(data), ...(isMasked ? [`mask = ${list(masks)}`] : []), ...attentionCall(c)];
  const config = without(c.config, ...callArguments);
  return { name: c.op, config, inputs, weights: rest(c, inputs), call: call.join(", ") };
}

/** Weights are `query_kernel`, of the projection `query`. */
function headAttention(c: RuleCase): Application {
  const inputs = pick(c, [...attentionInputs, ...attentionMasks]);
  const weights = [...rest(c, inputs)].map(([name, tensor]): [string, Tensor] => [
    name.replace(/_(kernel|bias)$/, "/$1").replace(/^output\//, "attention_output/"),
    tensor,
  ]);
  const call = [...inputs.keys()].map((name) => `${name} = ${name}`);
  return {
    name: c.op,
    config: without(c.config, ...callArguments),
    inputs,
    weights: new Map(weights),
    call: [...call, ...attentionCall(c)].join(", "),
  };
}
