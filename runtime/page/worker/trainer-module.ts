/** The trainer that lies beside the page: written by the compiler, so its types are the runtime's general ones. */

import type { TensorData } from "../../data/column.ts";
import type { TrainerDefinition } from "../../plan.ts";
import type { FileStorage } from "../../storage/file-storage.ts";
import type { ColumnInput } from "../../training/column-input.ts";
import type { Model } from "../../training/model.ts";

type Columns = Readonly<Record<string, ColumnInput>>;
type Outputs = Readonly<
  Record<string, { readonly data: TensorData; readonly shape: readonly number[] }>
>;

export type AnyModel = Model<Columns, Columns, Outputs, Readonly<Record<string, number>>>;

export interface CreateOptions {
  readonly seed?: number;
  readonly onProgress?: (compiled: number, kernels: number) => void;
  readonly storage?: FileStorage;
}

export interface TrainerModule {
  readonly definition: TrainerDefinition;
  readonly create: (options: CreateOptions) => Promise<AnyModel>;
}

export async function loadTrainer(): Promise<TrainerModule> {
  // Not for the bundler to follow: the file is made for each model.
  const address = new URL("trainer.js", import.meta.url).href;
  const module = (await import(address)) as Readonly<Record<string, unknown>> & {
    readonly definition: TrainerDefinition;
  };
  const model = Object.values(module).find(isModelClass);
  if (model === undefined) throw new Error("trainer.js exports no model");
  return { definition: module.definition, create: (options) => model.create(options) };
}

function isModelClass(value: unknown): value is Pick<TrainerModule, "create"> {
  return typeof value === "function" && "create" in value && typeof value.create === "function";
}
