/**
 * What lasts from step to step: params, states, optimizer slots, metric totals and statistics. Each is a leaf
 * with a path, declared once however often its layer is applied, and an initial value computed in float64
 * before training.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { reachableNodes } from "../graph/context.ts";
import type { DType } from "../graph/dtype.ts";
import { printExtent, type Shape, sameShape } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { Argument, DeclareStatement, NamedType } from "../syntax/ast.ts";
import { resolveString } from "./arguments.ts";
import { hasRows, rowsInBatch, storedShape } from "./batch-states.ts";
import { callValue } from "./calls.ts";
import { evaluateStatic } from "./conditional.ts";
import { convertTensor } from "./conversions.ts";
import { widensTo } from "./dtypes.ts";
import { evaluate } from "./evaluate.ts";
import { declaredShape } from "./inputs.ts";
import { rateFactor } from "./layer-options.ts";
import { joinPath } from "./paths.ts";
import { type Environment, newOwner, newPass, report } from "./session.ts";
import { addPenalty } from "./statements.ts";
import { broadcastTo } from "./tensors/layout.ts";
import { scalarTensor } from "./tensors/scalar-tensor.ts";
import { elementType } from "./types.ts";
import {
  describe,
  errorValue,
  extentValue,
  listValue,
  printTensorType,
  tensorValue,
  type Value,
} from "./values.ts";

export type PersistentRole = "param" | "slot" | "state" | "metric";

export interface PersistentEntry {
  readonly path: string;
  readonly leaf: GraphValue;
  readonly role: PersistentRole;
  readonly trainable: boolean;
  /** By what learning rates are multiplied. */
  readonly rate: number;
  /** What the param is put through after each update. */
  readonly constraint: { readonly value: Value; readonly span: Span } | null;
  /** Of a slot: the param whose place it takes when training ends. */
  readonly finalOf: GraphValue | null;
  readonly span: Span;
  /** In the init graph; of the leaf's shape. */
  readonly initial: GraphValue;
}

/** An entry; what only a few have may be left out. */
export type GivenEntry = Omit<PersistentEntry, "rate" | "constraint" | "finalOf"> &
  Partial<Pick<PersistentEntry, "rate" | "constraint" | "finalOf">>;

export class PersistentTable {
  readonly #entries = new Map<string, PersistentEntry>();

  get(path: string): PersistentEntry | undefined {
    return this.#entries.get(path);
  }

  add(entry: GivenEntry): void {
    this.#entries.set(entry.path, { rate: 1, constraint: null, finalOf: null, ...entry });
  }

  /** In order of declaration. */
  get entries(): readonly PersistentEntry[] {
    return [...this.#entries.values()];
  }
}

const optionsOf: Readonly<Record<DeclareStatement["role"], readonly string[]>> = {
  param: ["regularizer", "constraint", "trainable", "learning_rate"],
  state: ["final"],
  statistic: [],
};

export function declarePersistent(statement: DeclareStatement, env: Environment): void {
  const { name, span } = statement.name;
  const declared = declareLeaf(statement, env);
  if (declared === undefined) {
    env.scope.set(name, { value: errorValue, span });
    return;
  }
  const { leaf, shape } = declared;
  const current = env.pass.assigned.get(leaf) ?? leaf;
  const source = { span, text: `from \`${statement.role} ${name}\`` };
  const value = tensorValue(
    rowsInBatch(env.session.context, current, shape),
    shape.map(() => source),
  );
  const reading = statement.role === "param" ? env.owner.readings.get(name) : undefined;
  const read =
    reading === undefined ? value : callValue(reading, [{ name: null, value, span }], span, env);
  const cell = statement.role === "state" ? { cell: leaf } : {};
  env.scope.set(name, { value: read, span, ...cell });
  const regularizer = option(statement, "regularizer");
  if (regularizer !== undefined) {
    const fn = evaluate(regularizer.value, env);
    if (fn.kind === "none") return;
    const penalty = callValue(fn, [{ name: null, value, span }], regularizer.span, env);
    // A layer that is applied several times has its weights, and their regularizers, once.
    addPenalty(penalty, regularizer.span, env, true);
  }
}

function option(statement: DeclareStatement, name: string): Argument | undefined {
  return statement.options.find((argument) => argument.name?.name === name);
}

interface Declared {
  readonly leaf: GraphValue;
  /** That of the leaf, but for states with a row for each row of the batch. */
  readonly shape: Shape;
}

function declareLeaf(statement: DeclareStatement, env: Environment): Declared | undefined {
  if (!mayStandHere(statement, env)) return undefined;
  checkOptions(statement, env);
  const type = storedType(statement, env);
  if (type === undefined) return undefined;
  const path = joinPath(env.owner.path, statement.name.name);
  if (!isFirstOfPath(statement, path, env)) return undefined;
  const known = env.session.persistent.get(path);
  const leaf =
    known === undefined
      ? newLeaf(statement, path, type, env)
      : sharedLeaf(statement, known, type, env);
  const remembered = leaf && rememberStatistic(statement, leaf, env);
  return remembered && { leaf: remembered, shape: type.declared };
}

/** Params and statistics are those of layers and models; optimizers and metrics have states alone. */
function mayStandHere({ role, span }: DeclareStatement, env: Environment): boolean {
  if (role === "state" || env.stateRole === "state") return true;
  const places = "a layer, a model";
  report(
    env,
    diagnostics.misplacedStatement(span, { statement: role, places, instead: undefined }),
  );
  return false;
}

function checkOptions({ role, name, options }: DeclareStatement, env: Environment): void {
  const callee = `${role} ${name.name}`;
  const rows = optionsOf[role];
  for (const { name: given } of options) {
    if (given === null || rows.includes(given.name)) continue;
    const known = rows.length === 0 ? undefined : rows.join(", ");
    const best = nearest(given.name, rows);
    report(
      env,
      diagnostics.unknownArgument(given.span, { name: given.name, callee, nearest: best, known }),
    );
  }
}

interface StoredType {
  readonly dtype: DType;
  /** Of the leaf, which has the same shape for every batch. */
  readonly shape: Shape;
  /** As it was written: of a state that may be with a row for each row of the batch. */
  readonly declared: Shape;
}

function storedType(statement: DeclareStatement, env: Environment): StoredType | undefined {
  const { role, type } = statement;
  const { name, span } = statement.name;
  if (type !== null && type.kind === "tuple-type") {
    report(
      env,
      diagnostics.wrongType(type.span, {
        what: `\`${name}\``,
        expected: "a tensor type",
        found: "a tuple type",
      }),
    );
    return undefined;
  }
  const dtype: DType | undefined = type === null ? "f32" : (elementType(env, type) ?? undefined);
  const declared = type === null ? untypedShape(statement, env) : declaredShape(type, env);
  if (dtype === undefined || declared === undefined) return undefined;
  const isOfBatch = role === "state" && env.stateRole === "state" && hasRows(declared);
  const shape = isOfBatch ? storedShape(declared, env.session.batchMax) : declared;
  if (shape.some(({ batch }) => batch !== 0)) {
    const meaning = namesOfBatch(type, env);
    report(env, diagnostics.persistentBatch(type?.span ?? span, { role, name, meaning }));
    return undefined;
  }
  return { dtype, shape, declared };
}

/** Whether nothing else of this layer or model has the path; it is taken from then on. */
function isFirstOfPath(
  { role, name: { name, span } }: DeclareStatement,
  path: string,
  env: Environment,
): boolean {
  const before = env.owner.declared.get(path);
  if (before !== undefined) {
    const labels = [{ span: before, text: "first declared here" }];
    report(env, diagnostics.duplicateParameter(span, { role, name }, { labels }));
    return false;
  }
  env.owner.declared.set(path, span);
  return true;
}

/** The leaf that a layer has when it is applied again. */
function sharedLeaf(
  { name }: DeclareStatement,
  { leaf, path }: PersistentEntry,
  { dtype, shape }: StoredType,
  env: Environment,
): GraphValue | undefined {
  if (sameShape(leaf.shape, shape)) return leaf;
  const first = printTensorType(leaf.dtype, leaf.shape);
  const second = printTensorType(dtype, shape);
  report(env, diagnostics.sharedShape(name.span, { path, first, second }));
  return undefined;
}

function newLeaf(
  statement: DeclareStatement,
  path: string,
  { dtype, shape }: StoredType,
  env: Environment,
): GraphValue | undefined {
  const { role, value: initializer, name } = statement;
  const leaf = env.session.context.leaf(role === "param" ? "param" : "state", path, dtype, shape);
  const initial =
    role === "statistic" || initializer === null
      ? filled(env, 0, dtype, shape)
      : initialValue(env, statement, path, dtype, shape);
  if (initial === undefined) return undefined;
  env.session.persistent.add({
    path,
    leaf,
    role: role === "param" ? "param" : env.stateRole,
    trainable: role === "param" && env.tuning.isTrained && flag(statement, "trainable", true, env),
    ...(role === "param" ? { rate: rateOf(statement, env) } : {}),
    constraint: constraintOf(statement, env),
    finalOf: flag(statement, "final", false, env) ? env.stateShape : null,
    span: name.span,
    initial,
  });
  return leaf;
}

function flag(
  statement: DeclareStatement,
  name: string,
  usual: boolean,
  env: Environment,
): boolean {
  const given = option(statement, name);
  return given === undefined ? usual : (evaluateStatic(given.value, env) ?? usual);
}

/** What learning rates are multiplied by: the param's own factor and those of the layers around it. */
function rateOf(statement: DeclareStatement, env: Environment): number {
  const given = option(statement, "learning_rate");
  if (given === undefined) return env.tuning.rate;
  const factor = rateFactor(evaluate(given.value, env), given.value.span, env);
  return env.tuning.rate * factor;
}

function constraintOf(
  statement: DeclareStatement,
  env: Environment,
): PersistentEntry["constraint"] {
  const given = option(statement, "constraint");
  if (given === undefined) return null;
  const { span } = given.value;
  let value = resolveString(evaluate(given.value, env), span, env);
  if (value.kind === "none" || value.kind === "error") return null;
  // MaxNorm stands for MaxNorm().
  if (value.kind === "function" && value.config === null) value = callValue(value, [], span, env);
  return { value, span };
}

/** Says which dimensions of a type stand for the batch size, if they do not say so themselves. */
function namesOfBatch(type: NamedType | null, env: Environment): string | undefined {
  const names = (type?.dimensions ?? []).flatMap((dimension) => {
    if (dimension.kind !== "identifier" || dimension.name === "N") return [];
    const size = env.scope.get(dimension.name)?.value;
    return size?.kind === "extent"
      ? [`\`${dimension.name}\` is ${printExtent(size.extent)} here`]
      : [];
  });
  return names.length === 0 ? undefined : names.join(", ");
}

/** A statistic's value over one batch, which the data pass before training averages. */
function rememberStatistic(
  { role, value, span, name }: DeclareStatement,
  leaf: GraphValue,
  env: Environment,
): GraphValue | undefined {
  if (role !== "statistic" || value === null || env.pass.statistics.has(leaf)) return leaf;
  const batch = evaluate(value, env);
  if (batch.kind === "error") return undefined;
  if (batch.kind !== "tensor" || !sameShape(batch.value.shape, leaf.shape)) {
    const expected = printTensorType(leaf.dtype, leaf.shape);
    const what = `the statistic \`${name.name}\``;
    report(env, diagnostics.wrongType(value.span, { what, expected, found: describe(batch) }));
    return undefined;
  }
  if (batch.value.node.loops.size > 0) {
    report(env, diagnostics.statisticInLoop(value.span, { name: name.name }));
    return undefined;
  }
  env.pass.statistics.set(leaf, { batch: convertTensor(env, batch, leaf.dtype).value, span });
  return leaf;
}

function untypedShape({ role, name, span }: DeclareStatement, env: Environment): Shape | undefined {
  if (role === "state" && env.stateRole === "slot") return env.stateShape?.shape ?? [];
  if (role === "state" && env.stateRole === "metric") return [];
  report(env, diagnostics.missingType(span, { role, name: name.name }));
  return undefined;
}

function filled(env: Environment, value: number, dtype: DType, shape: Shape): GraphValue {
  const { context } = env.session;
  return context.compute({ parallel: shape, body: context.constant(value, dtype) }).values[0]!;
}

/** The initial value: a number, a tensor, or what a function makes of the shape. */
function initialValue(
  env: Environment,
  { value: source, name, role }: DeclareStatement,
  path: string,
  dtype: DType,
  shape: Shape,
): GraphValue | undefined {
  if (source === null) return undefined;
  const inner: Environment = { ...env, pass: newPass(true), owner: newOwner(path), loops: [] };
  let value = evaluate(source, inner);
  const isFunction =
    value.kind === "function" || value.kind === "builtin" || value.kind === "string";
  if (isFunction) {
    const sizes = listValue(shape.map(extentValue));
    // RandomNormal stands for RandomNormal().
    if (value.kind === "function" && value.config === null) {
      value = callValue(value, [], source.span, inner);
    }
    value = callValue(value, [{ name: null, value: sizes, span: source.span }], source.span, inner);
  }
  if (value.kind === "error") return undefined;
  const wrong = (found: string): undefined => {
    report(
      env,
      diagnostics.initialValue(
        source.span,
        { what: `${role} ${name.name}`, expected: printTensorType(dtype, shape), found },
        { labels: [{ span: name.span, text: "declared here" }] },
      ),
    );
    return undefined;
  };
  const tensor = scalarTensor(inner, value, dtype);
  if (tensor === undefined) return wrong(describe(value));
  const given = tensor.value.shape;
  const fits =
    given.length <= shape.length && sameShape(shape.slice(shape.length - given.length), given);
  if (!fits || !widensTo(tensor.value.dtype, dtype)) return wrong(describe(tensor));
  const converted = convertTensor(inner, tensor, dtype).value;
  const initial = broadcastTo(env.session.context, converted, shape);
  const leaf = reachableNodes([initial]).find((node) => node.kind === "leaf");
  if (leaf !== undefined && leaf.kind === "leaf") {
    report(env, diagnostics.initialValueReads(source.span, { name: name.name, path: leaf.path }));
    return undefined;
  }
  return initial;
}
