/**
 * What lowering carries along. A session belongs to one program: the graph context, the modules, what was
 * named and what persists. A pass belongs to one graph of it: whether it trains, the current values of its
 * states. An environment belongs to one place of the source: its scope, its module, the layer it stands in.
 */

import type { IndexBounds } from "../../runtime/plan.ts";
import { type DiagnosticCode, diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Diagnostic, DiagnosticSink, Span } from "../diagnostics/diagnostic.ts";
import type { Affine } from "../graph/affine.ts";
import { GraphContext } from "../graph/context.ts";
import { type Extent, fixed } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { Declaration, Expression } from "../syntax/ast.ts";
import type { Operand } from "./arithmetic.ts";
import { ConstantTable } from "./constants.ts";
import { Gradients } from "./gradients.ts";
import type { Instance } from "./instances.ts";
import type { Tuning } from "./layer-options.ts";
import type { MaskedMeans } from "./masked-means.ts";
import { type Module, type ModuleLoader, stdPrefix } from "./modules.ts";
import { NameRegistry } from "./paths.ts";
import { PersistentTable } from "./persistent.ts";
import type { LayerApplication, OwnDerivative } from "./program.ts";
import type { Scope } from "./scope.ts";
import type { SummaryRecorder } from "./summary.ts";
import { errorValue, type Value } from "./values.ts";

/** Calls nest no deeper: an endless recursion is found long before the stack ends. */
const maximumCallDepth = 120;

/** Evaluations of expressions and statements in one program. */
const maximumSteps = 2_000_000;

/** Thrown where lowering gives up after reporting why; caught by `lower` only. */
export class LoweringStopped extends Error {}

/** A call on the way to the place being lowered. */
interface Frame {
  readonly span: Span;
  /** The function's or layer's name. */
  readonly name: string;
  readonly isStd: boolean;
}

/** Diagnostics that what a broken declaration may have held would have prevented. */
const saysWhatIsMissing: ReadonlySet<string> = new Set<DiagnosticCode>([
  "unknown-name",
  "unknown-data",
  "unused-binding",
  "unused-parameter",
  "unused-column",
  "unknown-column",
  "block-without-column",
  "input-without-column",
  "input-without-batch",
  "missing-train-key",
  "missing-train-block",
  "model-without-output",
  "state-never-assigned",
]);

export class Session {
  readonly context = new GraphContext();
  readonly names = new NameRegistry();
  readonly constants = new ConstantTable();
  /** Models used by their bare names, one instance each. */
  readonly sharedModels = new Map<Declaration, Instance>();
  readonly modules: ModuleLoader;
  readonly sink: DiagnosticSink;
  /** The largest N; set before anything is lowered. */
  batchMax: number;
  readonly persistent = new PersistentTable();
  /** What elements of columns may be, as far as the program says that they are indexes. */
  readonly indexes = new Map<string, IndexBounds>();
  /** Derivatives that functions said of themselves, call by call. */
  readonly ownDerivatives: OwnDerivative[] = [];
  /** Derivatives that the program asks for. */
  readonly gradients = new Gradients(this.context);
  readonly #frames: Frame[] = [];
  readonly #axisExtents: Extent[] = [];
  #steps = 0;

  /** Whether files had errors before lowering: declarations may be missing, and so may names. */
  readonly #isIncomplete: boolean;

  constructor(modules: ModuleLoader, sink: DiagnosticSink, batchMax: number) {
    this.modules = modules;
    this.sink = sink;
    this.batchMax = batchMax;
    this.#isIncomplete = sink.hasErrors;
  }

  /** A session for something else of the same program: the same files and diagnostics, nothing made yet. */
  apart(): Session {
    return new Session(this.modules, this.sink, this.batchMax);
  }

  /** A number for an axis of an index notation, never given twice. */
  freshAxis(): number {
    this.#axisExtents.push(fixed(0));
    return this.#axisExtents.length - 1;
  }

  setAxisExtent(axis: number, extent: Extent): void {
    this.#axisExtents[axis] = extent;
  }

  axisExtent(axis: number): Extent {
    return this.#axisExtents[axis]!;
  }

  /** Counts work, so that no program lowers for ever. */
  step(span: Span): void {
    if (++this.#steps <= maximumSteps) return;
    this.report(diagnostics.tooMuchWork(span, { limit: maximumSteps }));
    throw new LoweringStopped();
  }

  /**
   * Reports a diagnostic. One inside the library moves to the user's call that led there, and keeps the
   * library's place as a label.
   */
  report(diagnostic: Diagnostic): Value {
    const { primary, code } = diagnostic;
    if (this.#isIncomplete && saysWhatIsMissing.has(code)) return errorValue;
    if (!primary.span.file.startsWith(stdPrefix)) {
      this.sink.report(diagnostic);
      return errorValue;
    }
    const call = this.#frames.findLast((frame) => !frame.isStd);
    if (call === undefined) {
      this.sink.report(diagnostic);
      return errorValue;
    }
    this.sink.report({
      ...diagnostic,
      primary: { span: call.span, text: `in this call of \`${call.name}\`` },
      labels: [
        ...diagnostic.labels.filter(({ span }) => span !== call.span),
        { span: primary.span, text: primary.text === "" ? "here" : primary.text },
      ],
    });
    return errorValue;
  }

  /** Runs the body of a function or layer called at `span` of `module`. */
  called(span: Span, name: string, module: Module, path: string, run: () => Value): Value {
    if (this.#frames.length >= maximumCallDepth) {
      return this.report(diagnostics.endlessRecursion(span, { name, depth: maximumCallDepth }));
    }
    const user = module.isStd ? this.#frames.findLast((frame) => !frame.isStd) : undefined;
    this.#frames.push({ span, name, isStd: module.isStd });
    try {
      const label = user?.name ?? name;
      const part = label === name ? {} : { part: name };
      const origin = { span: user?.span ?? span, label, path, backward: false, ...part };
      const result = this.context.from(origin, run);
      return module.isStd ? result : fromCall(result, span, name);
    } finally {
      this.#frames.pop();
    }
  }
}

/** A result whose dimensions were decided in the library: to the user, by the call. */
function fromCall(value: Value, span: Span, name: string): Value {
  if (value.kind === "list") {
    return { ...value, items: value.items.map((item) => fromCall(item, span, name)) };
  }
  if (value.kind !== "tensor") return value;
  const sources = value.sources.map((source) =>
    source?.span.file.startsWith(stdPrefix) ? { span, text: `from \`${name}\`` } : source,
  );
  return { ...value, sources };
}

/** One graph being lowered. */
export interface Pass {
  readonly training: boolean;
  /** Current values of states by path, where they differ from their leaves. */
  readonly assigned: Map<GraphValue, GraphValue>;
  /** Terms that add to every loss. */
  readonly penalties: { readonly value: GraphValue; readonly span: Span }[];
  /** What random streams' names begin with: updates draw numbers of their own. */
  readonly stream: string;
  /** Random draws so far by the path they belong to. */
  readonly draws: Map<string, number>;
  /** Statistics met, with the value of one batch. */
  readonly statistics: Map<GraphValue, { readonly batch: GraphValue; readonly span: Span }>;
  readonly summary: SummaryRecorder | null;
  /** Layers applied in the user's files, in order. */
  readonly applications: LayerApplication[];
}

export function newPass(
  training: boolean,
  summary: SummaryRecorder | null = null,
  stream = "",
): Pass {
  return {
    training,
    stream,
    assigned: new Map(),
    penalties: [],
    draws: new Map(),
    statistics: new Map(),
    summary,
    applications: [],
  };
}

/** The layer or model instance whose body is being run: where params, states and layers get their paths. */
export interface Owner {
  readonly path: string;
  /** How often each place of the source made a layer in this application. */
  readonly made: Map<string, number>;
  /** Paths declared in this application. */
  readonly declared: Map<string, Span>;
  /** What is read in place of params, by name: functions of them. */
  readonly readings: ReadonlyMap<string, Value>;
}

export function newOwner(path: string, readings: ReadonlyMap<string, Value> = new Map()): Owner {
  return { path, made: new Map(), declared: new Map(), readings };
}

/** What a model's body reads and writes: its inputs, given or from data, and its outputs. */
export interface ModelFrame {
  readonly inputs: ReadonlyMap<string, Operand> | null;
  readonly outputs: Map<string, { readonly value: Value; readonly span: Span }>;
  /** Leaves of the inputs that come from data. */
  readonly leaves: Map<string, { readonly leaf: GraphValue; readonly span: Span }>;
}

/** A loop whose body is being run. */
export interface LoopFrame {
  /** Its variable: the place of this iteration along what is stacked. */
  readonly place: Affine;
  readonly length: number;
}

/** What the body being run may contain. */
export type BodyKind =
  | "fn"
  | "layer"
  | "model"
  | "optimizer"
  | "scale"
  | "gradient"
  | "prepare"
  | "metric"
  | "top";

export interface Environment {
  readonly session: Session;
  readonly pass: Pass;
  readonly module: Module;
  readonly scope: Scope;
  readonly owner: Owner;
  readonly body: BodyKind;
  readonly model: ModelFrame | null;
  /** Role of what `state` declares here. */
  readonly stateRole: "state" | "slot" | "metric";
  /** Shape that a state without a type takes: that of the parameter being updated. */
  readonly stateShape: GraphValue | null;
  /** Sample weights that a metric may take; null outside a train block. */
  readonly metricWeight: Value | null;
  /** Means over masked values, in a loss or a metric: there the masks weigh, elsewhere (null) they do not. */
  readonly maskedMeans: MaskedMeans | null;
  /** `batch_weight`: the weights of the samples where a train block gives any, else none. */
  readonly batchWeight: Value;
  /** `measuring`: whether a metric is being computed. */
  readonly measuring: boolean;
  /** Whether `/` floors: in dimensions, ranges and indices. */
  readonly floors: boolean;
  /** Loops around this place, the outermost first. */
  readonly loops: readonly LoopFrame[];
  /** How params declared here are trained. */
  readonly tuning: Tuning;
  /** Values of indexed expressions that were evaluated to find the extents of axes. */
  readonly indexed: ReadonlyMap<Expression, Value> | null;
}

export function report(env: Environment, diagnostic: Diagnostic): Value {
  return env.session.report(diagnostic);
}
