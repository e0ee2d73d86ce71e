/**
 * What lowering hands on: one model with its graphs, its training and its data, everything named, typed and
 * with shapes inferred. The training graph's updates still read `gradient` leaves; `autodiff` replaces them.
 */

import type {
  ColumnPlan,
  DataPlan,
  LayerSummary,
  StatisticPlan,
  TrainingPlan,
} from "../../runtime/plan.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphContext } from "../graph/context.ts";
import type { Call, Graph, Value } from "../graph/node.ts";
import type { Precision } from "./precision.ts";

/** A param or state with what fills it. */
export interface PersistentLeaf {
  readonly leaf: Value;
  readonly role: "param" | "slot" | "state" | "metric";
  readonly trainable: boolean;
  /** Of a slot: the param whose place it takes when training ends. */
  readonly finalOf?: Value | null;
  readonly span: Span;
}

/** A derivative that a function says of itself, where it is called. */
export interface OwnDerivative {
  readonly name: string;
  /** The words that begin its block. */
  readonly span: Span;
  readonly call: Call;
  /** The parameter that each input of the call belongs to. */
  readonly parameters: readonly string[];
}

/** A layer applied once. */
export interface LayerApplication {
  readonly path: string;
  /** Of its declaration. */
  readonly name: string;
  readonly span: Span;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface LoweredProgram {
  readonly context: GraphContext;
  readonly model: string;
  /** Model inputs first, then targets and weights: the columns of a batch; slot = index. */
  readonly columns: readonly ColumnPlan[];
  readonly inputs: readonly string[];
  readonly outputs: readonly ColumnPlan[];
  readonly layers: readonly LayerSummary[];
  /** Those of the training graph, in order. */
  readonly applications: readonly LayerApplication[];
  readonly ownDerivatives: readonly OwnDerivative[];
  readonly persistent: readonly PersistentLeaf[];
  readonly batchMax: number;
  /** What operands of products may be rounded to. */
  readonly precision: Precision;
  /** Results named by path: the initial value of every param, slot and state. `batch` is 0. */
  readonly init: Graph;
  /** Results named after the model's outputs. */
  readonly predict: Graph;
  readonly training: LoweredTraining | null;
  readonly statistics: readonly (StatisticPlan & { readonly body: Graph })[];
  readonly data: DataPlan | null;
}

export interface LoweredUpdate {
  /** Result `loss` (rank 0); assignments to states, metric totals, and, through `gradient` leaves, updates. */
  readonly graph: Graph;
  /** How often it is made for each batch. */
  readonly steps: number;
}

export interface LoweredTraining {
  readonly plan: TrainingPlan;
  /** Initial values of `hyper` leaves: `learning_rate`. */
  readonly hypers: Readonly<Record<string, number>>;
  /** The graph of the first update, which is the only one unless the train declaration says otherwise. */
  readonly train: Graph;
  /** In the order in which they are made for each batch. */
  readonly updates: readonly LoweredUpdate[];
  /** Rank-0 results `0` by the number of the epoch, as the counter `batch`, and the learning rate, for callbacks. */
  readonly schedules: readonly Graph[];
  /** The losses; assignments to metric totals only. */
  readonly evaluate: Graph;
  /** Rank-0 results, `loss` first, then each metric by name, from the metric totals. */
  readonly readout: Graph;
}
