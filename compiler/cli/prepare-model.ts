/** Compiles a model, its kernels included, for the commands that run it; an unchanged one comes from the cache. */

import { existsSync } from "node:fs";
import type { CommandEnvironment } from "../../runtime/training/command/environment.ts";
import { findCCompiler } from "../targets/cpu/toolchain.ts";
import type { CompileRequest } from "./compile-model.ts";
import { requireCudaDevice } from "./cuda-kernels.ts";
import { CommandError } from "./failure.ts";
import { describeTarget } from "./machine.ts";
import {
  type BeginningKernels,
  beginKernels,
  kernelsAtOnce,
  modelEnvironment,
  trainingKernels,
} from "./model-environment.ts";
import type { CompileFlags } from "./options.ts";
import { findPackageFiles } from "./package-files.ts";
import { type KeptProgram, ProgramCache } from "./program-cache.ts";
import { diskSources } from "./source-files.ts";
import type { Streams } from "./streams.ts";
import { resolveTarget } from "./target.ts";
import { tunedPlans } from "./tuning/plan-store.ts";

/** What can be done with a program before its kernels are compiled. */
type WhileCompiling = (program: KeptProgram["program"]) => void;

/**
 * `whileCompiling` is for what trains first: it is called when the C compiler has begun, if it has to, and must not fail;
 * kernels of other graphs are then compiled while training runs.
 */
export async function prepareModel(
  flags: Omit<CompileRequest, "target"> & Pick<CompileFlags, "target" | "tuned">,
  dataFolder: string | undefined,
  streams: Streams,
  whileCompiling?: WhileCompiling,
): Promise<CommandEnvironment> {
  if (dataFolder !== undefined && !existsSync(dataFolder)) {
    throw new CommandError(`there is no folder ${dataFolder}`, "check --data");
  }
  const target = await resolveTarget(flags.target, streams.errors);
  const request = { ...flags, target, plans: await tunedPlans(flags, target) };
  const { program, kernels } = await keptOrCompiled(request, streams, whileCompiling);
  return modelEnvironment(request.entry, program, kernels, streams, dataFolder);
}

async function keptOrCompiled(
  request: CompileRequest,
  streams: Streams,
  whileCompiling: WhileCompiling | undefined,
): Promise<Pick<Compiled, "program" | "kernels">> {
  const { std, buildId } = findPackageFiles();
  if (buildId === undefined) return compileAll(request, streams, whileCompiling);
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
    return kept;
  }
  const compiled = await compileAll(request, streams, whileCompiling);
  const { program, warnings, sources } = compiled;
  // Beside what the program is wanted for; failing to keep it is no failure.
  compiled.ready.then(
    (kernels) => cache.write({ program, kernels, warnings }, sources),
    () => undefined,
  );
  return compiled;
}

interface Compiled extends BeginningKernels {
  readonly program: KeptProgram["program"];
  readonly warnings: string;
  readonly sources: ReadonlyMap<string, string>;
}

async function compileAll(
  request: CompileRequest,
  streams: Streams,
  whileCompiling: WhileCompiling | undefined,
): Promise<Compiled> {
  // Says what it is while the compiler is loaded, which is done only where there is something to compile.
  const compiler =
    request.target === "cpu" ? await findCCompiler().catch(() => undefined) : undefined;
  const { compileModel } = await import("./compile-model.ts");
  // Without a C compiler that runs, that is told when kernels are to be compiled.
  const stages = whileCompiling === undefined ? undefined : 1;
  const early =
    compiler && (await beginKernels(request.march, compiler, stages).catch(() => undefined));
  const end = () => early?.begun.remove();
  try {
    const compiled = compileModel({ ...request, parts: early?.parts }, streams);
    const { lowered, sources, warnings } = compiled;
    const program =
      request.target !== "cpu"
        ? (await import("./with-self-test.ts")).withSelfTest(compiled.program, lowered)
        : compiled.program;
    const preparations = { ...(compiler === undefined ? {} : { compiler }), begun: early?.begun };
    const made =
      whileCompiling === undefined
        ? await kernelsAtOnce(program, request.march, preparations)
        : await trainingKernels(program, request.march, {
            ...preparations,
            whileCompiling: () => whileCompiling(program),
          });
    made.ready.then(end, end);
    return { ...made, program, warnings, sources };
  } catch (error) {
    await end();
    throw error;
  }
}
