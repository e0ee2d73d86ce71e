/** A model compiled in this process, from the sources, ready to train: for tests that look at steps and tensors. */

import { compileModel } from "../../compiler/cli/compile-model.ts";
import {
  definitionOf,
  modelEnvironment,
  readyKernels,
} from "../../compiler/cli/model-environment.ts";
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
  readonly batchSize?: number;
  readonly fusion?: boolean;
  readonly winograd?: boolean;
  readonly threads?: number;
  readonly dataFolder?: string;
  /** Whether `fit` begins with the self-test, for which the interpreter makes a step. */
  readonly selfTest?: boolean;
}

export async function openTrainer(
  entry: string,
  options: OpenOptions = {},
): Promise<OpenedTrainer> {
  const { trainer, readColumns } = await openForData(entry, options);
  return { trainer, columns: await readColumns() };
}

/** The same without the data, which may serve several trainers. */
export async function openForData(
  entry: string,
  { threads = 1, dataFolder, selfTest = true, ...options }: OpenOptions = {},
): Promise<{ readonly trainer: Trainer; readColumns(): Promise<readonly Column[]> }> {
  const request = { entry, target: "cpu" as const, fusion: true, ...options };
  const environment = selfTest
    ? await prepareModel(request, dataFolder, silent)
    : await prepareQuickly(request, dataFolder);
  const device = await environment.openDevice(threads);
  const trainer = await Trainer.create(environment.definition, device, undefined, nodeStorage);
  const { train } = trainer.plan.data!.blocks;
  return { trainer, readColumns: () => environment.readColumns(train, environment.dataFolder) };
}

const silent = { out: { write: ignore }, errors: { write: ignore }, color: false };

function ignore(): void {}

async function prepareQuickly(
  request: Parameters<typeof compileModel>[0],
  dataFolder: string | undefined,
): ReturnType<typeof prepareModel> {
  const { program } = compileModel(request, silent);
  const kernels = await readyKernels(program, undefined);
  const definition = definitionOf(program, kernels);
  return modelEnvironment(request.entry, definition, kernels, silent, dataFolder);
}

/** Rows `from` to `to` of every column. */
export function sliceRows(columns: readonly Column[], from: number, to: number): readonly Column[] {
  return columns.map((column): Column => {
    const width = elementCount(column.shape);
    const data = column.data.slice(from * width, to * width);
    return { ...column, rows: data.length / width, data };
  });
}
