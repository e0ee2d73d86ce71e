/** A graph of ONNX as a program of the language: a rule for each operator, one after the other. */

import { type CaseProgram, NotExpressible } from "../case-program.ts";
import {
  type Attribute,
  BadOnnxFile,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "./model.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { Statements } from "./statements.ts";

/** Outputs are called `y0`, `y1`, … in the model's order. */
export const outputNameOf = (index: number): string => `y${index}`;

/** The program of a model for inputs that are given by name. */
export function translate(
  model: OnnxModel,
  given: ReadonlyMap<string, OnnxTensor>,
  rules: Rules,
): CaseProgram {
  const statements = new Statements();
  const values = new Map<string, Value>();
  for (const name of model.inputs) {
    const tensor = given.get(name);
    if (tensor !== undefined) values.set(name, statements.given(tensor));
  }
  for (const [name, { data, shape, dtype }] of model.initializers) {
    values.set(name, statements.literal(data, shape, dtype));
  }
  const named = (name: string): Value => {
    const value = values.get(name);
    if (value === undefined) throw new BadOnnxFile(`nothing gives the value ${name}`);
    return value;
  };
  for (const node of model.nodes) {
    const { opType, domain, inputs, outputs } = node;
    const rule = rules[domain === "" ? opType : `${domain}:${opType}`];
    if (rule === undefined) throw new NotExpressible(`the operator ${opType}`);
    const opset = model.opsets.get(domain);
    if (opset === undefined) throw new BadOnnxFile(`no version of the operators of "${domain}"`);
    const taken = inputs.map((name) => (name === "" ? undefined : named(name)));
    const results = rule(nodeCall(node, opset, taken, statements));
    outputs.forEach((name, i) => {
      const value = results[i];
      if (name === "") return;
      if (value === undefined) throw new NotExpressible(`the output ${i} of ${opType}`);
      values.set(name, value);
    });
  }
  const results = model.outputs.map((name, i) => ({ name: outputNameOf(i), value: named(name) }));
  return statements.program(results);
}

function nodeCall(
  { opType, outputs, attributes }: OnnxNode,
  opset: number,
  inputs: readonly (Value | undefined)[],
  statements: Statements,
): NodeCall {
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
    constant: (value) => statements.constant(typeof value === "number" ? input(value) : value),
    literal: (...of) => statements.literal(...of),
    define: (...of) => statements.define(...of),
    indexed: (...of) => statements.indexed(...of),
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
  typeof value === "object" && !Array.isArray(value);
