/**
 * From a file to graphs: names resolved, configurations evaluated, shapes inferred, the library inlined. The
 * model is run twice, as it trains and as it is evaluated; both share params and states by their paths.
 */

import type { ColumnPlan, LayerSummary } from "../../runtime/plan.ts";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { DiagnosticSink, Span } from "../diagnostics/diagnostic.ts";
import { axisAffine, extentAffine } from "../graph/affine.ts";
import { graphNodes } from "../graph/context.ts";
import { batchExtent } from "../graph/extent.ts";
import type { Graph, Value as GraphValue } from "../graph/node.ts";
import type { ModelDeclaration, TrainDeclaration } from "../syntax/ast.ts";
import { evaluateConstant, topEnvironment } from "./constants.ts";
import {
  checkInput,
  columnLeaf,
  columnPlan,
  dataPlan,
  type LoweredData,
  lowerData,
} from "./data.ts";
import { evaluate } from "./evaluate.ts";
import { type Instance, makeInstance, runModelBody, sharedModel } from "./instances.ts";
import { unitWeights } from "./metrics.ts";
import type { Module, SourceHost } from "./modules.ts";
import { checkNames } from "./name-check.ts";
import { PersistentTable } from "./persistent.ts";
import type { LoweredProgram, LoweredTraining } from "./program.ts";
import { Scope } from "./scope.ts";
import {
  type Environment,
  LoweringStopped,
  newOwner,
  newPass,
  type Pass,
  report,
  Session,
} from "./session.ts";
import { SummaryRecorder } from "./summary.ts";
import {
  batchSizeOf,
  type TrainEntries,
  type TrainOverrides,
  trainEntries,
  trainingPlan,
} from "./train.ts";
import { lowerLosses, trainingGraph } from "./training-graphs.ts";
import { describe, tensorValue, type Value } from "./values.ts";

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
  const session = new Session(host, sink, options.batchSize ?? 32, new PersistentTable());
  const module = session.modules.load(entry);
  if (module === undefined) {
    const span = { file: entry, start: 0, end: 0 };
    sink.report(diagnostics.importNotFound({ span, text: "" }, { path: entry }));
    return undefined;
  }
  try {
    const program = new ProgramLowering(session, module, options).run();
    return sink.hasErrors ? undefined : program;
  } catch (error) {
    if (error instanceof LoweringStopped) return undefined;
    // Deep but finite nesting of calls can still outgrow the stack.
    if (!(error instanceof RangeError)) throw error;
    const { declarations } = module.parsed;
    const span = declarations[0]?.header ?? { file: entry, start: 0, end: 0 };
    sink.report(diagnostics.tooMuchWork(span, { limit: "the stack" }));
    return undefined;
  }
}

/** The model run once: its inputs and outputs in one pass. */
interface ModelRun {
  readonly env: Environment;
  readonly inputs: ReadonlyMap<string, { readonly leaf: GraphValue; readonly span: Span }>;
  readonly outputs: ReadonlyMap<string, { readonly value: Value; readonly span: Span }>;
}

class ProgramLowering {
  readonly #session: Session;
  readonly #module: Module;
  readonly #options: LowerOptions;
  readonly #top: Environment;

  constructor(session: Session, module: Module, options: LowerOptions) {
    this.#session = session;
    this.#module = module;
    this.#options = options;
    this.#top = topEnvironment(session, module);
  }

  run(): LoweredProgram | undefined {
    const { declarations } = this.#module.parsed;
    for (const loaded of [...this.#session.modules.loaded]) checkNames(this.#session, loaded);
    for (const declaration of declarations) {
      if (declaration.kind === "const") {
        evaluateConstant(this.#session, { module: this.#module, declaration });
      }
    }
    const trains = declarations.filter((declaration) => declaration.kind === "train");
    for (const extra of trains.slice(1)) {
      const labels = [{ span: trains[0]!.header, text: "the first one" }];
      report(this.#top, diagnostics.severalTrainBlocks(extra.header, {}, { labels }));
    }
    const [train] = trains;
    const instance = train === undefined ? this.#soleModel() : this.#trainedModel(train);
    if (instance === undefined) return undefined;
    const declaration = instance.declaration as ModelDeclaration;
    return this.#lowerModel(instance, declaration, train ?? null);
  }

  /** Without training: the last model of the file. */
  #soleModel(): Instance | undefined {
    const models = this.#module.parsed.declarations.filter(({ kind }) => kind === "model");
    const declaration = models.at(-1);
    if (declaration?.kind !== "model") return undefined;
    return this.#made({ kind: "layer", declaration, module: this.#module }, declaration.header);
  }

  #trainedModel({ model }: TrainDeclaration): Instance | undefined {
    return this.#made(evaluate(model, this.#top), model.span);
  }

  #made(value: Value, span: Span): Instance | undefined {
    if (value.kind === "error") return undefined;
    const made =
      value.kind !== "layer"
        ? value
        : value.declaration.config.length === 0
          ? sharedModel(value, this.#top)
          : makeInstance(value, [], span, this.#top);
    if (made.kind === "error") return undefined;
    if (made.kind !== "instance" || made.instance.declaration.kind !== "model") {
      const found = describe(value);
      const what = "what is trained";
      report(this.#top, diagnostics.wrongType(span, { what, expected: "a model", found }));
      return undefined;
    }
    made.instance.pathIn(this.#top, made.instance.declaration.name.name);
    return made.instance;
  }

  #lowerModel(
    instance: Instance,
    declaration: ModelDeclaration,
    train: TrainDeclaration | null,
  ): LoweredProgram | undefined {
    const session = this.#session;
    const entries: TrainEntries = train === null ? new Map() : trainEntries(train, this.#top);
    session.batchMax =
      train === null ? session.batchMax : batchSizeOf(entries, this.#options, this.#top);
    // Training goes first, so that layers are named in its order.
    const trained = train === null ? null : this.#runModel(instance, declaration, newPass(true));
    const summary = new SummaryRecorder(instance.path ?? "");
    const evaluated = this.#runModel(instance, declaration, newPass(false, summary));
    const data = train === null ? null : this.#data(train);
    const training =
      train !== null && trained !== null && data !== null
        ? this.#lowerTraining(train, entries, trained, evaluated, data)
        : null;
    if (session.sink.hasErrors) return undefined;
    const inputs = [...evaluated.inputs.keys()];
    const columns = this.#columns(evaluated, training?.columns ?? []);
    const predict: Graph = {
      name: "predict",
      batchMax: session.batchMax,
      results: [...evaluated.outputs].map(([name, { value }]) => ({
        name,
        value: asGraphValue(value),
      })),
      assignments: [],
    };
    const outputs = [...evaluated.outputs].flatMap(([name, { value, span }]) => {
      const plan = columnPlan(asGraphValue(value), name, span, this.#top);
      return plan === undefined ? [] : [plan];
    });
    const { entries: persistent } = session.persistent;
    const plan =
      data === null
        ? null
        : dataPlan(
            data,
            columns.filter(({ name }) => data.columns.has(name)),
            this.#top,
          );
    return {
      context: session.context,
      model: declaration.name.name,
      columns,
      inputs,
      outputs,
      layers: this.#layers(summary),
      persistent: persistent.map(({ leaf, role, trainable, span }) => ({
        leaf,
        role,
        trainable,
        span,
      })),
      batchMax: session.batchMax,
      init: {
        name: "init",
        batchMax: session.batchMax,
        results: persistent.map(({ path, initial }) => ({ name: path, value: initial })),
        assignments: [],
      },
      predict,
      training: training?.training ?? null,
      statistics: this.#statistics((trained ?? evaluated).env.pass),
      data: plan,
    };
  }

  #layers(summary: SummaryRecorder): LayerSummary[] {
    return summary.rows(this.#session.persistent.entries);
  }

  #runModel(instance: Instance, declaration: ModelDeclaration, pass: Pass): ModelRun {
    const scope = new Scope();
    const env: Environment = {
      ...this.#top,
      pass,
      module: instance.module,
      scope,
      owner: newOwner(instance.path ?? ""),
      body: "model",
    };
    for (const [key, value] of instance.config) {
      scope.set(key, { value, span: declaration.name.span });
    }
    const { outputs, leaves } = runModelBody(declaration, env, null);
    return { env, inputs: leaves, outputs };
  }

  #data({ data: name }: TrainDeclaration): LoweredData | null {
    const resolved = this.#session.modules.resolve(this.#module, name.name);
    if (resolved?.declaration.kind === "data") return lowerData(resolved.declaration, this.#top);
    report(this.#top, diagnostics.unknownData(name.span, { name: name.name }));
    return null;
  }

  #lowerTraining(
    train: TrainDeclaration,
    entries: TrainEntries,
    trained: ModelRun,
    evaluated: ModelRun,
    data: LoweredData,
  ): { training: LoweredTraining; columns: readonly ColumnPlan[] } | null {
    const session = this.#session;
    const { leaves, weight, classColumn, sampleWeight } = this.#dataLeaves(
      train,
      entries,
      data,
      trained,
    );
    const trainEnv = this.#lossEnvironment(trained, leaves, weight);
    const evaluateEnv = this.#lossEnvironment(evaluated, leaves, weight);
    const losses = lowerLosses(entries, trainEnv, weight);
    if (losses === undefined) return null;
    const step = trainingGraph(train, entries, trainEnv, losses, this.#options.learningRate);
    const evaluation = lowerLosses(entries, evaluateEnv, weight);
    const plan = trainingPlan(
      entries,
      this.#options,
      {
        batchSize: session.batchMax,
        hasValidationBlock: data.blocks.has("validation"),
        metrics: losses.readout.map(({ name }) => name),
        classWeightColumn: classColumn,
        sampleWeight,
      },
      this.#top,
    );
    if (step === undefined || evaluation?.loss === undefined) return null;
    const graph = (name: string, content: Omit<Graph, "name" | "batchMax">): Graph => ({
      name,
      batchMax: session.batchMax,
      ...content,
    });
    const training: LoweredTraining = {
      plan,
      hypers: step.hypers,
      train: step.graph,
      evaluate: graph("evaluate", {
        results: [{ name: "loss", value: evaluation.loss }],
        assignments: evaluation.assignments,
      }),
      readout: graph("readout", { results: losses.readout, assignments: [] }),
    };
    const read = new Set(
      [training.train, training.evaluate].flatMap((of) =>
        graphNodes(of).flatMap((node) =>
          node.kind === "leaf" && node.role === "input" ? [node.path] : [],
        ),
      ),
    );
    this.#warnUnusedColumns(data, trained, read, classColumn, sampleWeight);
    const columns = [...leaves].flatMap(([name, leaf]) => {
      if (!read.has(name) && name !== classColumn) return [];
      const plan = columnPlan(leaf, name, data.columns.get(name)?.span ?? train.header, this.#top);
      return plan === undefined ? [] : [plan];
    });
    return { training, columns };
  }

  /** Leaves of the data's columns that are no inputs of the model, and of the sample weights. */
  #dataLeaves(
    train: TrainDeclaration,
    entries: TrainEntries,
    data: LoweredData,
    trained: ModelRun,
  ) {
    const env = this.#top;
    const leaves = new Map<string, GraphValue>();
    for (const [name, { leaf, span }] of trained.inputs) {
      const column = data.columns.get(name);
      if (column === undefined) {
        const labels = [{ span: data.declaration.header, text: "no such column here" }];
        report(
          env,
          diagnostics.inputWithoutColumn(
            span,
            { name, data: data.declaration.name.name },
            { labels },
          ),
        );
      } else {
        checkInput(column, leaf, span, env);
      }
    }
    for (const [name, column] of data.columns) {
      if (trained.inputs.has(name)) continue;
      const output = trained.outputs.get(name);
      if (output !== undefined) {
        const labels = [{ span: output.span, text: "the output" }];
        report(env, diagnostics.columnNamedAsOutput(column.span, { name }, { labels }));
        continue;
      }
      const leaf = columnLeaf(column, env);
      if (leaf !== undefined) leaves.set(name, leaf);
    }
    const classColumn = this.#namedColumn(entries, "class_weight", leaves);
    const sampleWeight = this.#namedColumn(entries, "sample_weight", leaves);
    const { context } = this.#session;
    let weight: GraphValue | null = null;
    if (sampleWeight !== null) {
      weight = leaves.get(sampleWeight)!;
      if (weight.dtype !== "f32" || weight.shape.length !== 1) {
        const found = describe(tensorValue(weight));
        const what = "the column of sample weights";
        const { span } = data.columns.get(sampleWeight)!;
        report(env, diagnostics.wrongType(span, { what, expected: "an f32 a row", found }));
      }
    } else if (classColumn !== null) {
      weight = context.leaf("input", "sample_weight", "f32", [batchExtent]);
      leaves.set("sample_weight", weight);
    }
    return { leaves, weight, classColumn, sampleWeight, header: train.header };
  }

  /** The column that a weight entry names: `class_weight label = […]`, `sample_weight w`. */
  #namedColumn(
    entries: TrainEntries,
    key: "class_weight" | "sample_weight",
    leaves: ReadonlyMap<string, GraphValue>,
  ): string | null {
    const argument = entries.get(key)?.values[0];
    if (argument === undefined) return null;
    const name =
      key === "class_weight"
        ? argument.name
        : argument.value.kind === "identifier"
          ? argument.value
          : null;
    if (name !== null && leaves.has(name.name)) return name.name;
    const known = [...leaves.keys()].join(", ");
    report(
      this.#top,
      diagnostics.weightColumn(name?.span ?? argument.span, { key, known: known || undefined }),
    );
    return null;
  }

  #lossEnvironment(
    run: ModelRun,
    leaves: ReadonlyMap<string, GraphValue>,
    weight: GraphValue | null,
  ): Environment {
    const scope = new Scope();
    const bind = (name: string, value: Value, span: Span) => scope.set(name, { value, span });
    for (const [name, { leaf, span }] of run.inputs) bind(name, tensorValue(leaf), span);
    for (const [name, { value, span }] of run.outputs) bind(name, value, span);
    for (const [name, leaf] of leaves) {
      bind(name, tensorValue(leaf), { file: this.#module.file, start: 0, end: 0 });
    }
    const env: Environment = {
      ...this.#top,
      pass: run.env.pass,
      module: this.#module,
      scope,
      owner: newOwner(""),
      body: "top",
    };
    return { ...env, metricWeight: weight === null ? unitWeights(env) : tensorValue(weight) };
  }

  #warnUnusedColumns(
    data: LoweredData,
    { inputs }: ModelRun,
    read: ReadonlySet<string>,
    classColumn: string | null,
    sampleWeight: string | null,
  ): void {
    for (const [name, { span }] of data.columns) {
      const isUsed =
        inputs.has(name) || read.has(name) || name === classColumn || name === sampleWeight;
      if (!isUsed) report(this.#top, diagnostics.unusedColumn(span, { name }));
    }
  }

  #columns(run: ModelRun, targets: readonly ColumnPlan[]): ColumnPlan[] {
    const inputs = [...run.inputs].flatMap(([name, { leaf, span }]) => {
      const plan = columnPlan(leaf, name, span, this.#top);
      return plan === undefined ? [] : [plan];
    });
    return [...inputs, ...targets];
  }

  /** The sum over a batch of what a statistic averages. */
  #statistics(pass: Pass): LoweredProgram["statistics"] {
    const { context, batchMax } = this.#session;
    return [...pass.statistics].map(([leaf, { batch }], i) => {
      const state = leaf.node.kind === "leaf" ? leaf.node.path : "";
      const index = batch.shape.map((_, d) => axisAffine(d));
      const rows = context.cast(context.index(extentAffine(batchExtent)), batch.dtype);
      const body = context.call("multiply", context.load(batch, index), rows);
      const value = context.compute({ parallel: batch.shape, body }).values[0]!;
      const name = `statistic_${i}`;
      return {
        state,
        graph: name,
        body: { name, batchMax, results: [{ name: state, value }], assignments: [] },
      };
    });
  }
}

function asGraphValue(value: Value): GraphValue {
  if (value.kind === "tensor") return value.value;
  throw new LoweringStopped();
}
