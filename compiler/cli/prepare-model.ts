/** Compiles a model, its kernels included, for the commands that run it; an unchanged one comes from the cache. */

import { existsSync } from "node:fs";
import type { WholeLibrary } from "../../runtime/devices/cpu/cpu-device.ts";
import type { TrainerDefinition } from "../../runtime/plan.ts";
import type { CommandEnvironment } from "../../runtime/training/command/environment.ts";
import type { CompiledProgram, TrainingProgram } from "../compiled-program.ts";
import { findCCompiler } from "../targets/cpu/toolchain.ts";
import { instantiateProgram, instantiateTraining } from "../trainer/instantiate.ts";
import type { BegunModel, CompileRequest } from "./compile-model.ts";
import { requireCudaDevice } from "./cuda-kernels.ts";
import { CommandError } from "./failure.ts";
import { describeTarget } from "./machine.ts";
import {
  beginKernels,
  compileKernels,
  compileTrainingKernels,
  definitionOf,
  modelEnvironment,
  type Preparations,
  readyKernels,
  type TrainingKernels,
} from "./model-environment.ts";
import type { CompileFlags } from "./options.ts";
import { findPackageFiles } from "./package-files.ts";
import { type KeptProgram, ProgramCache } from "./program-cache.ts";
import { diskSources } from "./source-files.ts";
import type { Streams } from "./streams.ts";
import { resolveTarget } from "./target.ts";
import { tunedPlans } from "./tuning/plan-store.ts";

/** What can be done with a model before its kernels are compiled. */
type WhileCompiling = (definition: TrainerDefinition) => void;

type Flags = Omit<CompileRequest, "target"> & Pick<CompileFlags, "target" | "tuned">;

/** A model to be trained. */
export interface PreparedTraining {
  readonly environment: CommandEnvironment;
  /** Compiles what is left, if the steps did not have that done: not waited for, and for the cache alone. */
  readonly finish: () => void;
}

export async function prepareModel(
  flags: Flags,
  dataFolder: string | undefined,
  streams: Streams,
): Promise<CommandEnvironment> {
  return (await prepare(flags, dataFolder, streams, undefined)).environment;
}

/**
 * For what trains first: other graphs are compiled, and so are their kernels, beside the steps after the first. When the C
 * compiler has begun, if it has to, `whileCompiling` is called, which must not fail.
 */
export function prepareTraining(
  flags: Flags,
  dataFolder: string | undefined,
  streams: Streams,
  whileCompiling: WhileCompiling,
): Promise<PreparedTraining> {
  return prepare(flags, dataFolder, streams, whileCompiling);
}

async function prepare(
  flags: Flags,
  dataFolder: string | undefined,
  streams: Streams,
  whileCompiling: WhileCompiling | undefined,
): Promise<PreparedTraining> {
  if (dataFolder !== undefined && !existsSync(dataFolder)) {
    throw new CommandError(`there is no folder ${dataFolder}`, "check --data");
  }
  const target = await resolveTarget(flags.target, streams.errors);
  const request = { ...flags, target, plans: await tunedPlans(flags, target) };
  const { definition, kernels } = await keptOrCompiled(request, streams, whileCompiling);
  return {
    environment: modelEnvironment(request.entry, definition, kernels, streams, dataFolder),
    finish: () => void ("whole" in kernels && kernels.whole()),
  };
}

/** A model that can run, or begin to train. */
interface RunnableModel {
  readonly definition: TrainerDefinition;
  readonly kernels: TrainingKernels;
}

/** Gets what is worth keeping of a model that was compiled from these sources. */
type Keep = (kept: KeptProgram, sources: ReadonlyMap<string, string>) => void;

async function keptOrCompiled(
  request: CompileRequest,
  streams: Streams,
  whileCompiling: WhileCompiling | undefined,
): Promise<RunnableModel> {
  const { std, buildId } = findPackageFiles();
  if (buildId === undefined) return compileAnew(request, streams, whileCompiling, () => {});
  const { entry, batchSize, target, march, precision, fusion, winograd } = request;
  const plans = request.plans?.kind === "tuned" ? [...request.plans.byShape] : undefined;
  const { processor } = describeTarget(march);
  const { color } = streams;
  // Said before anything is compiled for nothing.
  const device = target === "cuda" ? await requireCudaDevice() : undefined;
  const cache = new ProgramCache(
    {
      buildId,
      entry,
      batchSize,
      target,
      march,
      precision,
      fusion,
      winograd,
      processor,
      device,
      color,
      plans,
    },
    diskSources(std),
  );
  const kept = await cache.read();
  if (kept !== undefined) {
    streams.errors.write(kept.warnings);
    const { program, kernels } = kept;
    return { definition: definitionOf(program, kernels), kernels };
  }
  // Beside what the program is wanted for.
  return compileAnew(request, streams, whileCompiling, (...of) => void cache.write(...of));
}

async function compileAnew(
  request: CompileRequest,
  streams: Streams,
  whileCompiling: WhileCompiling | undefined,
  keep: Keep,
): Promise<RunnableModel> {
  // Says what it is while the compiler is loaded, which is done only where there is something to compile.
  const compiler =
    request.target === "cpu" ? await findCCompiler().catch(() => undefined) : undefined;
  const { beginModel } = await import("./compile-model.ts");
  // Without a C compiler that runs, that is told when kernels are to be compiled.
  const stages = whileCompiling === undefined ? undefined : 1;
  const early =
    compiler && (await beginKernels(request.march, compiler, stages).catch(() => undefined));
  const end = () => early?.begun.remove();
  const compilation: Compilation = {
    request,
    preparations: { ...(compiler === undefined ? {} : { compiler }), begun: early?.begun },
    whileCompiling,
    keep,
    end,
  };
  try {
    const model = beginModel({ ...request, parts: early?.parts }, streams);
    const training = whileCompiling === undefined ? undefined : model.program.training?.();
    if (training !== undefined) return await compileTraining(training, model, compilation);
    const made = await compileWhole(model, compilation);
    void end();
    return made;
  } catch (error) {
    await end();
    throw error;
  }
}

interface Compilation {
  readonly request: CompileRequest;
  readonly preparations: Preparations;
  readonly whileCompiling: WhileCompiling | undefined;
  readonly keep: Keep;
  /** Called when all kernels are compiled. */
  readonly end: () => Promise<void> | undefined;
}

async function compileWhole(
  { program: { finish }, lowered, sources, warnings }: BegunModel,
  { request: { target, march }, preparations, whileCompiling, keep }: Compilation,
): Promise<RunnableModel> {
  const program =
    target === "cpu"
      ? finish()
      : (await import("./with-self-test.ts")).withSelfTest(finish(), lowered);
  const kernels = await readyKernels(program, march, {
    ...preparations,
    whileCompiling: whileCompiling && (() => whileCompiling(instantiateProgram(program))),
  });
  keep({ program, kernels, warnings }, sources);
  return { definition: definitionOf(program, kernels), kernels };
}

async function compileTraining(
  training: TrainingProgram,
  { program: { finish }, sources, warnings }: BegunModel,
  { request: { march }, preparations, whileCompiling, keep, end }: Compilation,
): Promise<RunnableModel> {
  let finished: CompiledProgram | undefined;
  const finishOnce = (): CompiledProgram => {
    finished ??= finish();
    return finished;
  };
  const definition = instantiateTraining(training, finishOnce);
  const library = await compileTrainingKernels(training, march, {
    ...preparations,
    whileCompiling: () => whileCompiling?.(definition),
  });
  const compileRest = async (): Promise<WholeLibrary> => {
    const program = finishOnce();
    const { path } = await compileKernels(program, march, { ...preparations, isUrgent: false });
    keep({ program, kernels: { target: "cpu", library: path }, warnings }, sources);
    return { path, arenas: program.plan.arenas };
  };
  let rest: Promise<WholeLibrary> | undefined;
  const whole = (): Promise<WholeLibrary> => {
    if (rest === undefined) {
      rest = compileRest();
      rest.then(end, end);
    }
    return rest;
  };
  return { definition, kernels: { target: "cpu", library, whole } };
}
