/**
 * What training begins with, done while the C compiler runs: drawing initial values and reading the data. Whoever asks
 * for it then gets it, once; what goes wrong is said where it would have been without a start so early.
 */

import type { Column } from "../../runtime/data/column.ts";
import { readColumns } from "../../runtime/data/read-columns.ts";
import type { ColumnSource, TrainerDefinition } from "../../runtime/plan.ts";
import type { CommandEnvironment } from "../../runtime/training/command/environment.ts";

interface Begun {
  readonly seed: number;
  readonly values: ReturnType<TrainerDefinition["initialize"]>;
  readonly columns: Promise<readonly Column[]> | undefined;
}

export class EarlyStart {
  readonly #dataFolder: string;
  readonly #seed: number | undefined;
  #begun: Begun | undefined;

  /** `seed` where it is not the train block's. */
  constructor(dataFolder: string, seed: number | undefined) {
    this.#dataFolder = dataFolder;
    this.#seed = seed;
  }

  begin({ plan: { training, data }, initialize }: TrainerDefinition): void {
    // Files are read by threads of their own while values are drawn.
    const columns = data?.blocks.train && readColumns(data.blocks.train, this.#dataFolder);
    columns?.catch(() => undefined);
    const seed = this.#seed ?? training?.seed ?? 0;
    this.#begun = { seed, values: initialize(seed), columns };
  }

  /** The environment with what was begun, as far as it was. */
  handOver(environment: CommandEnvironment): CommandEnvironment {
    const begun = this.#begun;
    if (begun === undefined) return environment;
    this.#begun = undefined;
    const { definition, dataFolder } = environment;
    const train = definition.plan.data?.blocks.train;
    let { values, columns }: Partial<Begun> = begun;
    const initialize = (seed: number) => {
      const drawn = seed === begun.seed ? values : undefined;
      values = undefined;
      return drawn ?? definition.initialize(seed);
    };
    const read = (sources: readonly ColumnSource[], folder: string) => {
      const known = sources === train && folder === dataFolder ? columns : undefined;
      columns = undefined;
      return known ?? environment.readColumns(sources, folder);
    };
    return { ...environment, definition: { ...definition, initialize }, readColumns: read };
  }
}
