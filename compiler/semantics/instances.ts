/**
 * Layers and models that were made: each has its arguments and, from its first application on, a path, under
 * which its params live. Applying it runs its body; applied again it uses the same params.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type {
  InputStatement,
  LayerDeclaration,
  ModelDeclaration,
  Statement,
} from "../syntax/ast.ts";
import {
  bindParameters,
  type Callee,
  type EvaluatedArgument,
  matchArguments,
} from "./arguments.ts";
import type { Operand } from "./arithmetic.ts";
import { innerTuning, layerOptions, type Tuning, usualTuning } from "./layer-options.ts";
import { passMask } from "./masks.ts";
import type { Module } from "./modules.ts";
import { joinPath, snakeCase } from "./paths.ts";
import { Scope } from "./scope.ts";
import { type Environment, type ModelFrame, newOwner, report } from "./session.ts";
import { blocksOf } from "./statement-parts.ts";
import { runBody } from "./statements.ts";
import { conform } from "./types.ts";
import {
  errorValue,
  type InstanceValue,
  type LayerValue,
  listValue,
  type TensorValue,
  type Value,
} from "./values.ts";

export class Instance {
  readonly declaration: LayerDeclaration | ModelDeclaration;
  readonly module: Module;
  readonly config: ReadonlyMap<string, Value>;
  /** Where it was made, the same in every graph of the program. */
  readonly site: string;
  readonly tuning: Tuning;
  /** What its body reads in place of params of its own, by name: functions of them. */
  readonly readings: ReadonlyMap<string, Value>;
  #path: string | null;

  constructor(
    layer: LayerValue,
    config: ReadonlyMap<string, Value>,
    site: string,
    path: string | null,
    tuning: Tuning = usualTuning,
    readings: ReadonlyMap<string, Value> = new Map(),
  ) {
    this.declaration = layer.declaration;
    this.module = layer.module;
    this.config = config;
    this.site = site;
    this.tuning = tuning;
    this.readings = readings;
    this.#path = path;
  }

  get path(): string | null {
    return this.#path;
  }

  /** Its path, which the first to ask decides: under `owner`, by the name given or its declaration's. */
  pathIn(env: Environment, bound: string | null): string {
    if (this.#path === null) {
      const base = bound ?? snakeCase(this.declaration.name.name);
      const name = env.session.names.assign(env.owner.path, this.site, base);
      this.#path = joinPath(env.owner.path, name);
    }
    return this.#path;
  }
}

/** A layer takes the name of its first binding. */
export function nameInstance(instance: Instance, name: string, env: Environment): void {
  instance.pathIn(env, name);
}

export function makeInstance(
  layer: LayerValue,
  all: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const { declaration, module, given = new Map<string, Value>() } = layer;
  const { args, tuning } = layerOptions(declaration, all, env);
  const name = declaration.name.name;
  const inner: Environment = { ...env, module, scope: new Scope(), floors: false, indexed: null };
  const callee: Callee = { name, span, declaredAt: declaration.header, isMade: true };
  if (args.some(({ value }) => value.kind === "error")) return errorValue;
  for (const [key, value] of given) inner.scope.set(key, { value, span });
  if (!bindParameters(env, inner, callee, declaration.config, args)) return errorValue;
  const config = new Map([
    ...given,
    ...declaration.config.map((parameter): [string, Value] => [
      parameter.name.name,
      inner.scope.get(parameter.name.name)!.value,
    ]),
  ]);
  const place = `${span.file}:${span.start}`;
  const count = env.owner.made.get(place) ?? 0;
  env.owner.made.set(place, count + 1);
  const site = `${env.owner.path}@${place}#${count}`;
  return { kind: "instance", instance: new Instance(layer, config, site, null, tuning) };
}

/** The one instance of a model used by its name, under which its params live. */
export function sharedModel(layer: LayerValue, env: Environment): InstanceValue {
  const shared = env.session.sharedModels;
  const name = layer.declaration.name.name;
  let instance = shared.get(layer.declaration);
  if (instance === undefined) {
    instance = new Instance(layer, new Map(), `shared ${name}`, name);
    shared.set(layer.declaration, instance);
  }
  return { kind: "instance", instance };
}

export function applyInstance(
  instance: Instance,
  args: readonly EvaluatedArgument[],
  span: Span,
  env: Environment,
): Value {
  const { declaration, module, config } = instance;
  const name = declaration.name.name;
  if (args.some(({ value }) => value.kind === "error")) return errorValue;
  const path = instance.pathIn(env, null);
  const callee: Callee = { name, span, declaredAt: declaration.header };
  const scope = new Scope();
  const inner: Environment = {
    ...env,
    module,
    scope,
    owner: newOwner(path, instance.readings),
    body: declaration.kind,
    model: null,
    stateRole: "state",
    stateShape: null,
    tuning: innerTuning(env.tuning, instance.tuning),
    maskedMeans: null,
    floors: false,
    indexed: null,
  };
  for (const [key, value] of config) scope.set(key, { value, span: declaration.name.span });
  const result = env.session.called(span, name, env.module, path, () =>
    declaration.kind === "model"
      ? applyModel(declaration, callee, args, env, inner)
      : applyLayerBody(declaration, callee, args, env, inner),
  );
  for (const param of instance.readings.keys()) {
    const isDeclared = inner.owner.declared.has(joinPath(path, param));
    if (!isDeclared && result.kind !== "error") {
      return report(env, diagnostics.noSuchParam(span, { layer: name, name: param }));
    }
  }
  const inputs = tensorsIn(args);
  env.pass.summary?.applied(env.owner.path, instance, path, inputs, result);
  if (!env.module.isStd) {
    const outputs = tensorsOf(result).map(({ value }) => value);
    env.pass.applications.push({
      path,
      name,
      span,
      inputs: inputs.map(({ value }) => value),
      outputs,
    });
  }
  return result;
}

function tensorsIn(args: readonly EvaluatedArgument[]): TensorValue[] {
  return args.flatMap(({ value }) => tensorsOf(value));
}

function tensorsOf(value: Value): TensorValue[] {
  const items = value.kind === "list" ? value.items : [value];
  return items.filter((item) => item.kind === "tensor");
}

function applyLayerBody(
  declaration: LayerDeclaration,
  callee: Callee,
  args: readonly EvaluatedArgument[],
  env: Environment,
  inner: Environment,
): Value {
  if (!bindParameters(env, inner, callee, declaration.inputs, args)) return errorValue;
  const [first] = declaration.inputs;
  const input = first === undefined ? undefined : inner.scope.get(first.name.name)?.value;
  const body = runBody(declaration.body, inner);
  const { name } = declaration.name;
  if (body === null) return report(inner, diagnostics.missingReturn(declaration.header, { name }));
  const result = passMask(body, input);
  if (declaration.result === null) return result;
  const what = `the result of \`${name}\``;
  return conform(inner, result, declaration.result, { span: declaration.result.span, what });
}

/** Inputs by position or name; one output as itself, several as a tuple. */
function applyModel(
  declaration: ModelDeclaration,
  callee: Callee,
  args: readonly EvaluatedArgument[],
  env: Environment,
  inner: Environment,
): Value {
  const slots = declaration.body
    .filter((statement): statement is InputStatement => statement.kind === "input")
    .map(({ name }) => ({ name: name.name, isRequired: true }));
  const matched = matchArguments(env, callee, slots, args);
  if (matched === undefined) return errorValue;
  const { outputs } = runModelBody(declaration, inner, matched);
  const values = [...outputs.values()].map(({ value }) => value);
  if (values.some(({ kind }) => kind === "error")) return errorValue;
  return values.length === 1 ? values[0]! : listValue(values, true);
}

/** The names of all outputs in a model's text, whether its body gets that far or not. */
export function outputNames({ body }: ModelDeclaration): string[] {
  const names = (statement: Statement): string[] => [
    ...(statement.kind === "output" ? [statement.name.name] : []),
    ...blocksOf(statement).flatMap((block) => block.flatMap(names)),
  ];
  return body.flatMap(names);
}

/** Whether a model returns what it gives, as functions do; what to write was said at that place. */
export function returnsOutputs(declaration: ModelDeclaration): boolean {
  const { body } = declaration;
  return body.some(({ kind }) => kind === "return") && outputNames(declaration).length === 0;
}

export function runModelBody(
  declaration: ModelDeclaration,
  env: Environment,
  inputs: ReadonlyMap<string, Operand> | null,
): ModelFrame {
  const model: ModelFrame = { inputs, outputs: new Map(), leaves: new Map() };
  runBody(declaration.body, { ...env, model });
  // An error may have kept the body from getting to its outputs.
  const isCutShort = env.session.sink.hasErrors && outputNames(declaration).length > 0;
  if (model.outputs.size === 0 && !isCutShort && !returnsOutputs(declaration)) {
    report(
      env,
      diagnostics.modelWithoutOutput(declaration.header, { name: declaration.name.name }),
    );
  }
  return model;
}
