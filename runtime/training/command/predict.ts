/** Outputs of a trained model for rows of a file: `nnc predict`. CSV, NPY and JSON lines, in and out. */

import { writeFileAtomically } from "../../data/atomic-write.ts";
import type { Column } from "../../data/column.ts";
import { elementCount } from "../../data/column.ts";
import type { ColumnPlan, ColumnSource, TrainerPlan } from "../../plan.ts";
import { nodeStorage } from "../../storage/node-storage.ts";
import { TrainingError } from "../error.ts";
import type { OutputTensor } from "../evaluate.ts";
import type { CommandEnvironment } from "./environment.ts";
import { withTrainedModel } from "./evaluate.ts";
import { encodeCsv, encodeJsonLines, encodeNpy } from "./output-formats.ts";

export interface PredictCommandOptions {
  readonly weights?: string | undefined;
  readonly threads?: number | undefined;
  /** A file for all inputs, or `name=file` for each; the inputs of the data's test block by default. */
  readonly inputs: readonly string[];
  /** Where to write, `-` for the standard output; the extension says how. */
  readonly output?: string | undefined;
}

export async function predictCommand(
  environment: CommandEnvironment,
  options: PredictCommandOptions,
): Promise<number> {
  const { definition, readColumns, dataFolder } = environment;
  const { plan } = definition;
  const { output = "-" } = options;
  const format = outputFormat(output);
  if (format !== "text") await nodeStorage.checkWritable(output);
  const columns =
    options.inputs.length === 0
      ? await readColumns(testInputs(plan), dataFolder)
      : await readColumns(inputSources(plan, options.inputs), ".");
  await withTrainedModel(environment, options, async (trainer) => {
    const outputs = await trainer.predict(inputsOf(plan, columns));
    await write(environment, outputs, output, format);
  });
  return 0;
}

function inputsOf(plan: TrainerPlan, columns: readonly Column[]): readonly Column[] {
  return columns.filter(({ name }) => plan.inputs.includes(name));
}

function testInputs(plan: TrainerPlan): readonly ColumnSource[] {
  const sources = plan.data?.blocks.test ?? plan.data?.blocks.train;
  if (sources === undefined) {
    throw new TrainingError("there is no data to predict from", "name a file with --input");
  }
  return sources.filter(({ column }) => plan.inputs.includes(column.name));
}

const READERS: Readonly<Record<string, ColumnSource["reader"]>> = {
  csv: "csv",
  npy: "npy",
  npz: "npz",
  jsonl: "jsonl",
  tsv: "csv",
  idx: "idx",
};

/** Which file each input is read from, and how. */
export function inputSources(
  plan: Pick<TrainerPlan, "columns" | "inputs" | "data">,
  given: readonly string[],
): readonly ColumnSource[] {
  const byName = new Map<string, string>();
  for (const text of given) {
    const match = /^([A-Za-z_]\w*)=(.+)$/.exec(text);
    const names = match === null ? plan.inputs : [match[1]!];
    for (const name of names) {
      if (!plan.inputs.includes(name)) {
        throw new TrainingError(
          `the model has no input ${name}`,
          `it has ${plan.inputs.join(", ")}`,
        );
      }
      byName.set(name, match === null ? text : match[2]!);
    }
  }
  return plan.inputs.map((name) => {
    const path = byName.get(name);
    if (path === undefined) {
      const files = plan.inputs.map((input) => `${input}=FILE`).join(" and ");
      throw new TrainingError(`no file was given for the input ${name}`, `give ${files}`);
    }
    const column = plan.columns.find((candidate) => candidate.name === name)!;
    return { column, path, ...readerFor(plan, column, path) };
  });
}

function readerFor(
  plan: Pick<TrainerPlan, "inputs" | "data">,
  column: ColumnPlan,
  path: string,
): Omit<ColumnSource, "column" | "path"> {
  const extension = /\.(\w+)(?:\.gz)?$/.exec(path)?.[1]?.toLowerCase() ?? "";
  const reader = path.endsWith("ubyte.gz") || path.endsWith("ubyte") ? "idx" : READERS[extension];
  if (reader === undefined) {
    throw new TrainingError(
      `the format of ${path} is not known by its name`,
      "give a file that ends in .csv, .tsv, .npy, .npz, .jsonl or .idx",
    );
  }
  // The model's own data says which fields of a file of this format are the column.
  const trained = Object.values(plan.data?.blocks ?? {})
    .flat()
    .find((source) => source.column.name === column.name && source.reader === reader);
  if (trained !== undefined) {
    const { options, vocabulary } = trained;
    // Words of new texts have the numbers that they had in training.
    return {
      reader,
      options,
      ...(options.split !== undefined && { vocabulary: vocabulary ?? trained }),
    };
  }
  return { reader, options: defaultOptions(plan, column, reader) };
}

/** Fields named after the input; a file for the only input may be all columns in order. */
function defaultOptions(
  plan: Pick<TrainerPlan, "inputs">,
  { name, shape }: ColumnPlan,
  reader: ColumnSource["reader"],
): ColumnSource["options"] {
  switch (reader) {
    case "csv": {
      if (shape.length === 0) return { column: name };
      const width = elementCount(shape);
      const only = plan.inputs.length === 1;
      return { columns: Array.from({ length: width }, (_, i) => (only ? i : `${name}_${i}`)) };
    }
    case "jsonl":
    case "npz":
      return { key: name };
    case "idx":
    case "npy":
    case "binary":
      return {};
  }
}

/** What an output's name says of how it is written: `text` is the standard output's. */
type OutputFormat = "text" | "csv" | "npy" | "jsonl";

function outputFormat(path: string): OutputFormat {
  if (path === "-") return "text";
  if (path.endsWith(".npy")) return "npy";
  if (path.endsWith(".csv")) return "csv";
  if (path.endsWith(".jsonl")) return "jsonl";
  throw new TrainingError(
    `the format of ${path} is not known by its name`,
    "give a file that ends in .csv, .npy or .jsonl",
  );
}

async function write(
  { out }: CommandEnvironment,
  outputs: readonly OutputTensor[],
  path: string,
  format: OutputFormat,
): Promise<void> {
  switch (format) {
    case "text":
      out.write(encodeJsonLines(outputs));
      return;
    case "csv":
      return writeFileAtomically(path, encodeCsv(outputs));
    case "jsonl":
      return writeFileAtomically(path, encodeJsonLines(outputs));
    case "npy":
      // NPY holds one array: several outputs go to several files.
      for (const output of outputs) {
        const own = outputs.length === 1 ? path : path.replace(/\.npy$/, `.${output.name}.npy`);
        await writeFileAtomically(own, encodeNpy(output));
      }
  }
}
