/** A graph of ONNX as a program of the language: a rule for each operator, one after the other. */

import { type CaseProgram, NotExpressible } from "../case-program.ts";
import {
  type Attribute,
  BadOnnxFile,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "./model.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { Statements } from "./statements.ts";

/** Outputs are called `y0`, `y1`, … in the model's order. */
export const outputNameOf = (index: number): string => `y${index}`;

export interface Translation {
  readonly program: CaseProgram;
  /** One for each output of the model. */
  readonly outputs: readonly TranslatedOutput[];
}

export interface TranslatedOutput {
  readonly shape: readonly number[];
  /** Of a gradient, the param that it is by; others are outputs of the program. */
  readonly param: string | undefined;
}

/** The program of a model for inputs that are given by name. */
export function translate(
  { opsets, graph }: OnnxModel,
  given: ReadonlyMap<string, OnnxTensor>,
  rules: Rules,
): Translation {
  const statements = new Statements();
  const inputs = graph.inputs.map((name) => {
    const tensor = given.get(name);
    if (tensor === undefined) throw new BadOnnxFile(`nothing is given for the input ${name}`);
    return statements.given(tensor);
  });
  const results = translateGraph(graph, inputs, { opsets, rules, statements, outside: new Map() });
  return {
    program: statements.program(results.map((value, i) => ({ name: outputNameOf(i), value }))),
    outputs: results.map((value) => ({
      shape: value.shape,
      param: statements.differentiatedBy(value),
    })),
  };
}

interface Setting {
  readonly opsets: OnnxModel["opsets"];
  readonly rules: Rules;
  readonly statements: Statements;
  /** Values of the graphs around this one. */
  readonly outside: ReadonlyMap<string, Value>;
}

/** The graph's outputs for its inputs. */
function translateGraph(
  graph: OnnxGraph,
  inputs: readonly Value[],
  setting: Setting,
): readonly Value[] {
  const { opsets, rules, statements, outside } = setting;
  const values = new Map(outside);
  for (const [i, name] of graph.inputs.entries()) {
    const input = inputs[i];
    if (input !== undefined) values.set(name, input);
  }
  for (const [name, { data, shape, dtype }] of graph.initializers) {
    values.set(name, statements.literal(data, shape, dtype));
  }
  const named = (name: string): Value => {
    const value = values.get(name);
    if (value === undefined) throw new BadOnnxFile(`nothing gives the value ${name}`);
    return value;
  };
  for (const node of graph.nodes) {
    const { opType, domain, inputs, outputs } = node;
    const rule = rules[domain === "" ? opType : `${domain}:${opType}`];
    if (rule === undefined) throw new NotExpressible(`the operator ${opType}`);
    const opset = opsets.get(domain);
    if (opset === undefined) throw new BadOnnxFile(`no version of the operators of "${domain}"`);
    const taken = inputs.map((name) => (name === "" ? undefined : named(name)));
    const results = rule(nodeCall(node, opset, taken, named, { ...setting, outside: values }));
    for (const [i, name] of outputs.entries()) {
      const value = results[i];
      if (name === "") continue;
      if (value === undefined) throw new NotExpressible(`the output ${i} of ${opType}`);
      values.set(name, value);
    }
  }
  return graph.outputs.map(named);
}

function nodeCall(
  { opType, outputs, attributes }: OnnxNode,
  opset: number,
  inputs: readonly (Value | undefined)[],
  named: (name: string) => Value,
  setting: Setting,
): NodeCall {
  const { statements } = setting;
  const attribute = <T extends Attribute>(
    name: string,
    isKind: (value: Attribute) => value is T,
  ): T | undefined => {
    const value = attributes.get(name);
    if (value === undefined) return undefined;
    if (!isKind(value))
      throw new BadOnnxFile(`the attribute ${name} of ${opType} is of another kind`);
    return value;
  };
  const required = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) throw new BadOnnxFile(`${opType} without ${name}`);
    return value;
  };
  const input = (index: number) => required(`the input ${index}`, inputs[index]);
  const number = (name: string, fallback?: number) =>
    required(name, attribute(name, isNumber) ?? fallback);
  return {
    opType,
    opset,
    inputs,
    outputs: outputs.length,
    input,
    has: (name) => attributes.has(name),
    int: number,
    float: number,
    string: (name, fallback) => required(name, attribute(name, isText) ?? fallback),
    ints: (name) => attribute(name, isNumbers),
    floats: (name) => attribute(name, isNumbers),
    strings: (name) => attribute(name, isTexts),
    tensor: (name) => attribute(name, isTensor),
    subgraph: (name, given) =>
      translateGraph(required(name, attribute(name, isGraph)), given, setting),
    constant: (value) => statements.constant(typeof value === "number" ? input(value) : value),
    literal: (...of) => statements.literal(...of),
    define: (...of) => statements.define(...of),
    indexed: (...of) => statements.indexed(...of),
    named,
    layer: (...of) => statements.layer(...of),
    gradients: (...of) => statements.gradients(...of),
    fresh: (count) => statements.fresh(count),
    state: (text, names) => statements.state(text, names),
  };
}

const isNumber = (value: Attribute): value is number => typeof value === "number";
const isText = (value: Attribute): value is string => typeof value === "string";
const isNumbers = (value: Attribute): value is readonly number[] =>
  Array.isArray(value) && value.every((item) => typeof item === "number");
const isTexts = (value: Attribute): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");
const isTensor = (value: Attribute): value is OnnxTensor =>
  typeof value === "object" && "data" in value;
const isGraph = (value: Attribute): value is OnnxGraph =>
  typeof value === "object" && "nodes" in value;
