/**
 * From a file to graphs: names resolved, configurations evaluated, shapes inferred, the library inlined. The
 * model is run as it trains, once for each update, and as it is evaluated; all share params and states by their paths.
 */

import type { ColumnPlan } from "../../runtime/plan.ts";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { axisAffine, extentAffine } from "../graph/affine.ts";
import { nodesOfBodies, scalarChildren } from "../graph/context.ts";
import type { DType } from "../graph/dtype.ts";
import { batchExtent, elementsAt } from "../graph/extent.ts";
import type { Graph, Value as GraphValue, Node, Scalar } from "../graph/node.ts";
import { pruneLoops } from "../graph/prune-loops.ts";
import type { TrainDeclaration } from "../syntax/ast.ts";
import { evaluateConstant, topEnvironment } from "./constants.ts";
import { columnPlan, dataPlan, type LoweredData, lowerData } from "./data.ts";
import { evaluate } from "./evaluate.ts";
import { lowerTraining } from "./lower-training.ts";
import { assignedStates, type ProgramModel, programModel, runModel } from "./model-run.ts";
import { ModuleLoader, type SourceHost } from "./modules.ts";
import { checkNames } from "./name-check.ts";
import type { LoweredProgram } from "./program.ts";
import {
  type Environment,
  LoweringStopped,
  newPass,
  type Pass,
  report,
  Session,
} from "./session.ts";
import { SummaryRecorder } from "./summary.ts";
import {
  batchSizeOf,
  precisionOf,
  type TrainEntries,
  type TrainOverrides,
  trainEntries,
} from "./train.ts";
import { printTensorType, type Value } from "./values.ts";

export type LowerOptions = TrainOverrides;

/**
 * Lowers the program that `entry` begins. Nothing is returned after an error, or where the file has no model;
 * everything wrong is in `sink`. Never throws, whatever the text.
 */
export function lower(
  entry: string,
  host: SourceHost,
  options: LowerOptions,
  sink: DiagnosticSink,
): LoweredProgram | undefined {
  const modules = new ModuleLoader(host, sink);
  const module = modules.load(entry);
  const start = { file: entry, start: 0, end: 0 };
  if (module === undefined) {
    const place = { span: start, text: "" };
    const advice = "give the path of an .nn file that can be read";
    sink.report(
      diagnostics.fileNotFound(place, { path: entry, nearest: modules.nearestFile(entry), advice }),
    );
    return undefined;
  }
  const session = new Session(modules, sink, options.batchSize ?? 32);
  try {
    const program = lowerProgram(topEnvironment(session, module), options);
    return sink.hasErrors ? undefined : program;
  } catch (error) {
    if (error instanceof LoweringStopped) return undefined;
    // Calls that nest deeply, though not endlessly, can outgrow the stack.
    if (!(error instanceof RangeError)) throw error;
    const span = module.parsed.declarations[0]?.header ?? start;
    sink.report(diagnostics.tooMuchWork(span, { limit: "the available" }));
    return undefined;
  }
}

function lowerProgram(top: Environment, options: LowerOptions): LoweredProgram | undefined {
  const { session, module } = top;
  for (const loaded of [...session.modules.loaded]) checkNames(session, loaded);
  for (const declaration of module.parsed.declarations) {
    if (declaration.kind === "const") evaluateConstant(session, { module, declaration });
  }
  const train = trainDeclaration(top);
  const model = train === undefined ? lastModel(top) : trainedModel(train, top);
  if (model === undefined) return undefined;
  const program = lowerModel(model, train ?? null, top, options);
  checkOtherModels(model, top);
  return program;
}

/** Runs the models that the program does not use, for their errors alone. */
function checkOtherModels(
  { declaration: main }: ProgramModel,
  { session, module }: Environment,
): void {
  for (const declaration of module.parsed.declarations) {
    if (declaration.kind !== "model" || declaration === main) continue;
    const needsArguments = declaration.config.some((parameter) => parameter.default === null);
    if (needsArguments || session.sharedModels.has(declaration)) continue;
    const apart = session.apart();
    const top = topEnvironment(apart, module);
    const value: Value = { kind: "layer", declaration, module };
    const model = programModel(value, declaration.header, top);
    if (model !== undefined) runModel(model, newPass(true), top);
  }
}

function trainDeclaration(top: Environment): TrainDeclaration | undefined {
  const trains = top.module.parsed.declarations.filter(({ kind }) => kind === "train");
  const [first, ...others] = trains as TrainDeclaration[];
  for (const { header } of others) {
    const labels = [{ span: first!.header, text: "the first one" }];
    report(top, diagnostics.severalTrainBlocks(header, {}, { labels }));
  }
  return first;
}

function trainedModel({ model }: TrainDeclaration, top: Environment): ProgramModel | undefined {
  const { modules } = top.session;
  if (model.kind === "identifier" && modules.resolve(top.module, model.name) === undefined) {
    const { name, span } = model;
    const closest = nearest(name, namesOf("model", top));
    const rest = { member: undefined, instead: undefined, dimension: undefined };
    report(top, diagnostics.unknownName(span, { name, nearest: closest, ...rest }));
    return undefined;
  }
  return programModel(evaluate(model, top), model.span, top);
}

/** Without training: the last model of the file, which may be made of those before. */
function lastModel(top: Environment): ProgramModel | undefined {
  const { module } = top;
  const declaration = module.parsed.declarations.findLast(({ kind }) => kind === "model");
  if (declaration?.kind !== "model") return undefined;
  return programModel({ kind: "layer", declaration, module }, declaration.header, top);
}

function lowerModel(
  model: ProgramModel,
  train: TrainDeclaration | null,
  top: Environment,
  options: LowerOptions,
): LoweredProgram | undefined {
  const { session } = top;
  const { context } = session;
  const entries: TrainEntries = train === null ? new Map() : trainEntries(train, top);
  if (train !== null) session.batchMax = batchSizeOf(entries, options, top);
  const precision = precisionOf(entries, options, top);
  // The training pass goes first, so that layers are named in its order.
  const trained = runModel(model, newPass(true), top);
  const summary = new SummaryRecorder(model.instance.path ?? "");
  const evaluated = runModel(model, newPass(false, summary), top);
  const data = train === null ? null : trainingData(train, top);
  const training =
    train === null || data === null
      ? null
      : lowerTraining({ train, model, entries, data, trained, evaluated, precision }, top, options);
  if (session.sink.hasErrors) return undefined;
  const { batchMax } = session;
  const inputs = plans(evaluated.inputs, ({ leaf }) => leaf, top);
  const columns = [...inputs, ...(training?.columns ?? [])];
  const persistent = session.persistent.entries;
  const graph = (
    name: string,
    results: Graph["results"],
    assignments: Graph["assignments"] = [],
  ): Graph => pruneLoops(context, { name, batchMax, results, assignments });
  const program: LoweredProgram = {
    context,
    model: model.declaration.name.name,
    columns,
    inputs: inputs.map(({ name }) => name),
    outputs: plans(evaluated.outputs, ({ value }) => tensorOf(value), top),
    layers: summary.rows(persistent),
    applications: trained.env.pass.applications,
    ownDerivatives: top.session.ownDerivatives,
    persistent,
    batchMax,
    precision,
    init: graph(
      "init",
      persistent.map(({ path, initial }) => ({ name: path, value: initial })),
    ),
    predict: graph(
      "predict",
      [...evaluated.outputs].map(([name, { value }]) => ({ name, value: tensorOf(value) })),
      assignedStates(evaluated),
    ),
    training: training?.training ?? null,
    statistics: statistics(trained.env.pass, top),
    data:
      data === null
        ? null
        : dataPlan(
            data,
            columns.filter(({ name }) => data.columns.has(name)),
            top,
          ),
  };
  checkNodes(program, top);
  return program;
}

function plans<T extends { readonly span: ColumnSpan }>(
  named: ReadonlyMap<string, T>,
  value: (of: T) => GraphValue,
  top: Environment,
): ColumnPlan[] {
  return [...named].flatMap(([name, of]) => {
    const plan = columnPlan(value(of), name, of.span, top);
    return plan === undefined ? [] : [plan];
  });
}

type ColumnSpan = Parameters<typeof columnPlan>[2];

/** An output's tensor; outputs of other kinds were reported. */
function tensorOf(value: Value): GraphValue {
  if (value.kind === "tensor") return value.value;
  throw new LoweringStopped();
}

function trainingData(
  { data: { name, span } }: TrainDeclaration,
  top: Environment,
): LoweredData | null {
  const resolved = top.session.modules.resolve(top.module, name);
  if (resolved?.declaration.kind === "data") return lowerData(resolved.declaration, top);
  report(
    top,
    diagnostics.unknownData(span, { name, nearest: nearest(name, namesOf("data", top)) }),
  );
  return null;
}

/** The names of the file's declarations of a kind, imported ones among them. */
function namesOf(kind: "model" | "data", { session, module }: Environment): string[] {
  const names = [...module.declarations.keys(), ...module.imports.keys()];
  return names.filter((name) => session.modules.resolve(module, name)?.declaration.kind === kind);
}

/** The sum over a batch of what each statistic averages. */
function statistics(pass: Pass, { session }: Environment): LoweredProgram["statistics"] {
  const { context, batchMax } = session;
  return [...pass.statistics].map(([leaf, { batch }], i) => {
    const state = leaf.node.kind === "leaf" ? leaf.node.path : "";
    const index = batch.shape.map((_, d) => axisAffine(d));
    const rows = context.cast(context.index(extentAffine(batchExtent)), batch.dtype);
    const sum = context.call("multiply", context.load(batch, index), rows);
    const value = context.compute({ parallel: batch.shape, body: sum }).values[0]!;
    const name = `statistic_${i}`;
    const results = [{ name: state, value }];
    const body = pruneLoops(context, { name, batchMax, results, assignments: [] });
    return { state, graph: name, body };
  });
}

/** Elements are numbered with 31 bits, and there are some; their type is one that a target computes with. */
function checkNodes({ context, ...program }: LoweredProgram, top: Environment): void {
  const graphs = [
    program.predict,
    program.init,
    ...(program.training?.updates.map((update) => update.graph) ?? []),
    ...(program.training ? [program.training.evaluate] : []),
    ...program.statistics.map(({ body }) => body),
  ];
  for (const node of new Set(graphs.flatMap(nodesOfBodies))) {
    const span = context.origins(node)[0]?.span ?? { file: top.module.file, start: 0, end: 0 };
    const narrow = narrowTypeIn(node);
    if (narrow !== undefined) {
      report(top, diagnostics.narrowFloat(span, { found: narrow }));
      return;
    }
    const empty = node.values.find(({ shape }) => elementsAt(shape, program.batchMax) === 0);
    const large = node.values.find(({ shape }) => elementsAt(shape, program.batchMax) >= 2 ** 31);
    const wrong = empty ?? large;
    if (wrong === undefined) continue;
    const found = printTensorType(wrong.dtype, wrong.shape);
    report(
      top,
      wrong === empty
        ? diagnostics.emptyTensor(span, { found })
        : diagnostics.tensorTooLarge(span, { found }),
    );
    return;
  }
}

/** A float type narrower than f32 that the node stores or computes with. */
function narrowTypeIn(node: Node): DType | undefined {
  const isNarrow = (dtype: DType): boolean => dtype === "f16" || dtype === "bf16";
  const seen = new Set<Scalar>();
  const find = (scalar: Scalar): DType | undefined => {
    if (seen.has(scalar)) return undefined;
    seen.add(scalar);
    if (isNarrow(scalar.dtype)) return scalar.dtype;
    for (const child of scalarChildren(scalar)) {
      const found = find(child);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const stored = node.values.find(({ dtype }) => isNarrow(dtype));
  return stored?.dtype ?? (node.kind === "compute" ? find(node.body) : undefined);
}
