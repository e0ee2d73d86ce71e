/**
 * Rows of data in memory, column by column, and which of them a run visits. Validation by fraction and shuffling
 * choose rows; nothing is copied.
 */

import type { Column } from "../data/column.ts";
import type { ColumnPlan, TrainingPlan } from "../plan.ts";
import { TrainingError } from "./error.ts";
import { consecutiveRows } from "./permutation.ts";

/** Columns by name, all of as many rows. */
export interface Dataset {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, Column>;
}

/** Some rows of a dataset, in order. */
export interface Selection {
  readonly dataset: Dataset;
  readonly rows: Int32Array;
}

/** @throws TrainingError unless all columns have the same number of rows, at least one. */
export function createDataset(columns: readonly Column[]): Dataset {
  const [first] = columns;
  if (first === undefined) throw new TrainingError("the data has no columns");
  const other = columns.find(({ rows }) => rows !== first.rows);
  if (other !== undefined) {
    throw new TrainingError(
      `column ${first.name} has ${first.rows} rows, but ${other.name} has ${other.rows}`,
    );
  }
  if (first.rows === 0) throw new TrainingError("the data has no rows");
  return { rows: first.rows, columns: new Map(columns.map((column) => [column.name, column])) };
}

export function allRows(dataset: Dataset): Selection {
  return { dataset, rows: consecutiveRows(0, dataset.rows) };
}

/** The last `fraction` of the rows are for validation, as Keras' `validation_split` takes them. */
export function splitRows(
  dataset: Dataset,
  fraction: number,
): { readonly train: Selection; readonly validation: Selection } {
  const first = Math.floor(dataset.rows * (1 - fraction));
  if (!(fraction > 0 && fraction < 1) || first === 0 || first === dataset.rows) {
    throw new TrainingError(
      `a validation share of ${fraction} of ${dataset.rows} rows leaves none to train or to validate on`,
      "it must be a number between 0 and 1",
    );
  }
  return {
    train: { dataset, rows: consecutiveRows(0, first) },
    validation: { dataset, rows: consecutiveRows(first, dataset.rows - first) },
  };
}

/**
 * Fills the column of sample weights that the graphs read: the data's own weights (1 where there are none), for
 * training times the weight of the row's class, as Keras' `sample_weight` and `class_weight`.
 */
export function withWeights(
  dataset: Dataset,
  columns: readonly ColumnPlan[],
  training: Pick<TrainingPlan, "sampleWeight" | "classWeight">,
  use: "train" | "evaluate",
): Dataset {
  const name = training.sampleWeight ?? "sample_weight";
  if (!columns.some((column) => column.name === name)) return dataset;
  const given = dataset.columns.get(name)?.data ?? new Float32Array(dataset.rows).fill(1);
  const weights = Float32Array.from(given);
  if (training.classWeight !== null && use === "train") {
    const { column, weights: byClass } = training.classWeight;
    const labels = dataset.columns.get(column)?.data;
    if (labels === undefined) throw new TrainingError(`class weights need the column ${column}`);
    if (labels.length !== dataset.rows) {
      throw new TrainingError(
        `class weights need a column of class numbers, and ${column} has several values a row`,
      );
    }
    // A class without a weight counts once, as in Keras.
    for (let row = 0; row < dataset.rows; row++) {
      weights[row]! *= byClass[String(labels[row])] ?? 1;
    }
  }
  const column: Column = { name, dtype: "f32", shape: [], rows: dataset.rows, data: weights };
  return { ...dataset, columns: new Map(dataset.columns).set(name, column) };
}
