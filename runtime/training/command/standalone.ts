/** The command line of a trainer that runs by itself: `node trainer.js --epochs 5`. */

import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DataError } from "../../data/data-error.ts";
import { DeviceError } from "../../devices/device.ts";
import { TrainingError } from "../error.ts";
import { formatCount } from "../report/quantities.ts";
import { formatDeviation, runSelfTest } from "../self-test.ts";
import { formatSummary } from "../summary.ts";
import { Trainer } from "../trainer.ts";
import type { CommandEnvironment } from "./environment.ts";
import { evaluateCommand } from "./evaluate.ts";
import {
  countOption,
  formatOptions,
  lastOption,
  type OptionRow,
  type ParsedOptions,
  parseOptions,
  positiveOption,
  textOption,
  textOptions,
} from "./options.ts";
import { predictCommand } from "./predict.ts";
import { trainCommand } from "./train.ts";

const OPTIONS: readonly OptionRow[] = [
  { name: "epochs", value: { name: "N" }, help: "train for N epochs in all" },
  { name: "batch-size", value: { name: "N" }, help: "rows of a batch" },
  { name: "learning-rate", value: { name: "X" }, help: "learning rate to start with" },
  { name: "seed", value: { name: "N" }, help: "seed of weights, shuffling and dropout" },
  {
    name: "threads",
    value: { name: "N" },
    help: "threads of the CPU to compute with; all by default",
  },
  { name: "data", value: { name: "DIR" }, help: "folder that the model's data paths start from" },
  {
    name: "resume",
    value: { name: "FILE", optional: true },
    help: "go on from a checkpoint; by default the one this run writes",
  },
  { name: "checkpoint", value: { name: "FILE" }, help: "checkpoint to write after each epoch" },
  {
    name: "checkpoint-seconds",
    value: { name: "S" },
    help: "also write it within epochs, every S seconds",
  },
  {
    name: "output",
    value: { name: "FILE" },
    help: "write the trained weights, or the predictions",
  },
  { name: "evaluate", help: "only evaluate the trained weights on the test data" },
  {
    name: "predict",
    value: { name: "FILE" },
    help: "only predict for the rows of a file; INPUT=FILE, repeated, for several inputs",
  },
  {
    name: "weights",
    value: { name: "FILE" },
    help: "weights to evaluate or predict with, or to begin training with, as far as they match",
  },
  { name: "summary", help: "print the model's layers and parameters" },
  { name: "selftest", help: "check that this machine computes as the compiler expects" },
  { name: "force", help: "train even on a GPU that fails the self-test" },
  { name: "json", help: "print JSON lines" },
  { name: "stack", help: "print the stack of errors" },
  { name: "help", help: "print this" },
];

/** Whether the module of this URL is the program that was started. */
export function isMain(url: string): boolean {
  const [, script] = process.argv;
  if (script === undefined) return false;
  try {
    return realpathSync(script) === realpathSync(fileURLToPath(url));
  } catch {
    return false;
  }
}

/** Runs the trainer with the arguments after the script's name; gives the exit code, having printed errors. */
export async function runStandalone(
  environment: CommandEnvironment,
  argv: readonly string[],
): Promise<number> {
  try {
    const parsed = parseOptions(OPTIONS, argv, "node trainer.js");
    return await run(environment, parsed);
  } catch (error) {
    if (argv.includes("--stack") || process.env.NNC_DEBUG) throw error;
    environment.errors.write(formatError(error));
    return 1;
  }
}

/** What a user sees of an error: what is wrong and what to do. */
function formatError(error: unknown): string {
  if (error instanceof TrainingError) {
    return `error: ${error.message}\n${error.hint === undefined ? "" : `  = ${error.hint}\n`}`;
  }
  if (error instanceof DataError || error instanceof DeviceError) {
    return `error: ${error.message}\n`;
  }
  const message = error instanceof Error ? error.message : String(error);
  return `error: ${message}\n  = this is a bug in nnc; run again with --stack and report it\n`;
}

async function run(environment: CommandEnvironment, parsed: ParsedOptions): Promise<number> {
  const { definition, out } = environment;
  const threads = countOption(parsed, "threads", 1);
  if (parsed.has("help")) {
    out.write(help(environment));
    return 0;
  }
  if (parsed.has("summary")) {
    out.write(`${formatSummary(definition.plan)}\n`);
    return 0;
  }
  if (parsed.has("selftest")) return selfTestCommand(environment, threads ?? 1);
  const weights = textOption(parsed, "weights");
  const output = textOption(parsed, "output");
  const inputs = textOptions(parsed, "predict");
  if (inputs.length > 0 && parsed.has("evaluate")) {
    throw new TrainingError(
      "--evaluate and --predict exclude each other",
      "run one, then the other",
    );
  }
  const located = { ...environment, dataFolder: dataFolder(environment, parsed) };
  if (inputs.length > 0) return predictCommand(located, { weights, threads, inputs, output });
  const batchSize = countOption(parsed, "batch-size", 1);
  const json = parsed.has("json");
  if (parsed.has("evaluate"))
    return evaluateCommand(located, { weights, threads, batchSize, json });
  return trainCommand(located, {
    epochs: countOption(parsed, "epochs", 0),
    batchSize,
    learningRate: positiveOption(parsed, "learning-rate"),
    weights,
    seed: countOption(parsed, "seed", Number.MIN_SAFE_INTEGER),
    threads,
    resume: lastOption(parsed, "resume"),
    checkpoint: textOption(parsed, "checkpoint"),
    checkpointSeconds: positiveOption(parsed, "checkpoint-seconds"),
    output,
    json,
    force: parsed.has("force"),
  });
}

async function selfTestCommand(environment: CommandEnvironment, threads: number): Promise<number> {
  const { definition, out, errors } = environment;
  const device = await environment.openDevice(threads);
  try {
    const trainer = await Trainer.create(definition, device);
    const { compared, deviations } = await runSelfTest(trainer.runner);
    for (const deviation of deviations) errors.write(`error: ${formatDeviation(deviation)}\n`);
    if (deviations.length > 0) {
      errors.write(
        `  = ${device.description} computes otherwise than the compiler's interpreter\n`,
      );
      return 1;
    }
    out.write(`self-test passed: ${formatCount(compared)} values on ${device.description}\n`);
    return 0;
  } finally {
    device.dispose();
  }
}

function help({ definition }: CommandEnvironment): string {
  const { model, training, data } = definition.plan;
  const defaults =
    training === null
      ? "It has no train block: use it as a module."
      : `By default: ${training.epochs} epochs of batches of ${training.batchSize}, seed ${training.seed}.`;
  const onData = data === null ? "" : ` on ${data.name}`;
  return [
    `Usage: node trainer.js [options]`,
    "",
    `Trains ${model}${onData}, then evaluates it on the test data. ${defaults}`,
    "",
    formatOptions(OPTIONS),
    "",
  ].join("\n");
}

/** The model's own folder is the default for as long as it is there. */
function dataFolder(environment: CommandEnvironment, parsed: ParsedOptions): string {
  const given = textOption(parsed, "data");
  const folder = given ?? environment.dataFolder;
  if (!existsSync(folder)) {
    throw new TrainingError(
      `there is no folder ${folder}`,
      given === undefined
        ? "the model's own folder is gone: say with --data DIR where its data are"
        : "check --data",
    );
  }
  return folder;
}
