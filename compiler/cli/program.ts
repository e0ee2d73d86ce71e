/**
 * The command line of nnc: what commands and options there are. Each command's code is loaded when it is called, so
 * that `nnc --help` answers at once.
 */

import { Command, CommanderError, Option } from "commander";
import {
  collect,
  countAtLeast,
  positiveNumber,
  withCompileFlags,
  withModelFlags,
  withRunFlags,
} from "./options.ts";
import { findPackageFiles } from "./package-files.ts";
import type { Streams } from "./streams.ts";

type Action = (entry: string, options: never, streams: Streams) => Promise<number>;

/** Runs nnc with the arguments after its name; gives the exit code. */
export async function runCli(argv: readonly string[], streams: Streams): Promise<number> {
  try {
    let exitCode = 0;
    const program = createProgram(streams, (code) => {
      exitCode = code;
    });
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has printed what it says.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    if (argv.includes("--stack") || process.env.NNC_DEBUG) throw error;
    const { describeFailure } = await import("./failure.ts");
    streams.errors.write(describeFailure(error));
    return 1;
  }
}

function createProgram(streams: Streams, finish: (exitCode: number) => void): Command {
  const program = new Command("nnc")
    .description("Compiles a neural network, declared in one .nn file, into a standalone trainer.")
    .version(findPackageFiles().version, "--version", "print the version")
    .exitOverride()
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => streams.out.write(text),
      writeErr: (text) => streams.errors.write(text),
      outputError: (text, write) => write(asHint(text)),
    });
  /** A command on one model, or on what `argument` says; `load` gives its code. */
  const command = (
    name: string,
    description: string,
    load: () => Promise<Action>,
    [argument, meaning] = ["<model>", "the .nn file"],
  ): Command =>
    program
      .command(name)
      .description(description)
      .argument(argument, meaning)
      .addOption(new Option("--stack", "print the stack of an error").hideHelp())
      .action(async (entry: string, options: object) => {
        const action = await load();
        finish(await action(entry, options as never, streams));
      });

  command("check", "say what is wrong with a model", async () => {
    return (await import("./commands/check.ts")).check;
  })
    .option("--gradients", "compare every derivative with differences of values, in float64")
    .option("--json", "print a JSON line for each error and warning");
  withModelFlags(
    command("summary", "print layers, parameters, and what a step costs", async () => {
      return (await import("./commands/summary.ts")).summary;
    }),
  );
  withCompileFlags(
    command("build", "write a trainer that runs without nnc", async () => {
      return (await import("./commands/build.ts")).build;
    }),
  )
    .option("-o, --output <dir>", "folder of the trainer; out/<model> by default")
    .option("--page", "add a page that trains in the browser, with --target wgsl")
    .option("--print <after-pass>", "print the output of a pass; may be repeated", collect)
    .option("--verify", "check the output of every pass")
    .option("--time-passes", "print what each pass took");
  addTrainFlags(
    command("train", "train a model on its data, then evaluate it", async () => {
      return (await import("./commands/train.ts")).train;
    }),
  );
  withRunFlags(
    withCompileFlags(
      command("evaluate", "evaluate trained weights on the model's data", async () => {
        return (await import("./commands/evaluate.ts")).evaluate;
      }),
    ),
  )
    .option("--weights <file>", "weights or checkpoint; by default what training wrote")
    .addOption(
      new Option("--block <name>", "block of the data").choices(["train", "validation", "test"]),
    )
    .option("--json", "print a JSON line");
  withRunFlags(
    withCompileFlags(
      command("predict", "compute outputs for the rows of a file", async () => {
        return (await import("./commands/predict.ts")).predict;
      }),
    ),
  )
    .option("--weights <file>", "weights or checkpoint; by default what training wrote")
    .option(
      "--input <file>",
      "rows as .csv, .npy, .npz, .jsonl or idx; `name=file` for one of several inputs; may be repeated; by default the test block",
      collect,
    )
    .option("--output <file>", "where to write: .csv, .npy or .jsonl; standard output by default");
  withCompileFlags(
    command("explain", "show the kernels: what is fused and why, and what it costs", async () => {
      return (await import("./commands/explain.ts")).explain;
    }),
  )
    .option("--json", "print a JSON line for each kernel")
    .option("--measure", "run the kernels on this CPU, and compare what they take with predictions")
    .option("--threads <n>", "threads to measure with; 1 by default", countAtLeast(1));
  withModelFlags(
    command("tune", "measure which plans of its products are the fastest here", async () => {
      return (await import("./commands/tune.ts")).tune;
    }),
  )
    .option("--candidates <n>", "plans to compare for each product; 24 by default", countAtLeast(2))
    .option("--rounds <n>", "how often each is measured; 9 by default", countAtLeast(3))
    .option("--threads <n>", "threads to measure with; 1 by default", countAtLeast(1))
    .option("--json", "print a JSON line for each shape of a product");
  command(
    "serve-page",
    "serve a page that build --page wrote, to this computer only",
    async () => (await import("./commands/serve-page.ts")).servePage,
    ["<folder>", "what build --page wrote"],
  ).option("--port <n>", "port to listen on; 8080 by default, or a free one", countAtLeast(0));
  return program;
}

function addTrainFlags(command: Command): void {
  withRunFlags(withCompileFlags(command))
    .option("--epochs <n>", "train for n epochs in all", countAtLeast(0))
    .option("--learning-rate <x>", "learning rate to start with", positiveNumber)
    .option("--seed <n>", "seed of weights, shuffling and dropout", countAtLeast(0))
    .option("--weights <file>", "begin with those weights of the file that match the model's")
    .option("--resume [file]", "go on from a checkpoint; by default the one this run writes")
    .option("--checkpoint <file>", "checkpoint to write after each epoch")
    .option(
      "--checkpoint-seconds <s>",
      "also write it within epochs, every s seconds",
      positiveNumber,
    )
    .option("--output <file>", "write the trained weights in the end")
    .option("--force", "train even on a GPU that fails the self-test")
    .option("--json", "print JSON lines");
}

/** Commander's `(Did you mean --epochs?)` in the form of our other hints. */
function asHint(text: string): string {
  const hinted = text.replace(/\n\(Did you mean (.*)\?\)/, "\n  = did you mean $1?");
  return hinted === text ? text.replace(/\n$/, "\n  = see nnc --help\n") : hinted;
}
