/** A model compiled in this process, from the sources, ready to train: for tests that look at steps and tensors. */

import { prepareModel } from "../../compiler/cli/prepare-model.ts";
import type { Precision } from "../../compiler/semantics/precision.ts";
import { type Column, elementCount } from "../../runtime/data/column.ts";
import { nodeStorage } from "../../runtime/storage/node-storage.ts";
import { Trainer } from "../../runtime/training/trainer.ts";

export interface OpenedTrainer {
  readonly trainer: Trainer;
  /** The rows of the train block. */
  readonly columns: readonly Column[];
}

export interface OpenOptions {
  /** For `cuda` the process's environment says where the driver and the compiler are. */
  readonly target?: "cpu" | "wgsl" | "cuda";
  /** Instead of the train block's. */
  readonly precision?: Precision;
  readonly fusion?: boolean;
  readonly threads?: number;
  readonly dataFolder?: string;
}

export async function openTrainer(
  entry: string,
  { target = "cpu", precision, fusion = true, threads = 1, dataFolder }: OpenOptions = {},
): Promise<OpenedTrainer> {
  const nowhere = { write: () => undefined };
  const environment = await prepareModel({ entry, target, precision, fusion }, dataFolder, {
    out: nowhere,
    errors: nowhere,
    color: false,
  });
  const device = await environment.openDevice(threads);
  const trainer = await Trainer.create(environment.definition, device, undefined, nodeStorage);
  const { train } = trainer.plan.data!.blocks;
  return { trainer, columns: await environment.readColumns(train, environment.dataFolder) };
}

/** Rows `from` to `to` of every column. */
export function sliceRows(columns: readonly Column[], from: number, to: number): readonly Column[] {
  return columns.map((column): Column => {
    const width = elementCount(column.shape);
    const data = column.data.slice(from * width, to * width);
    return { ...column, rows: data.length / width, data };
  });
}
