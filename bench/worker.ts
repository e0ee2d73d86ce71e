/**
 * One peer of a benchmark: nnc's own training step, in a process of its own as every peer has. Prints one JSON line:
 * seconds of the median chunk per step, and the loss of the 1st and the 20th step.
 *
 *     node dist/bench/worker.js mlp_small --threads 1 --seconds 1 [--no-fusion]
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeTarget } from "../compiler/cli/machine.ts";
import { compileKernels } from "../compiler/cli/model-environment.ts";
import { findPackageFiles } from "../compiler/cli/package-files.ts";
import { diskSources } from "../compiler/cli/source-files.ts";
import type { CompiledProgram } from "../compiler/compiled-program.ts";
import { type CompileOptions, compile } from "../compiler/index.ts";
import { instantiateProgram } from "../compiler/trainer/instantiate.ts";
import { CpuDevice } from "../runtime/devices/cpu/cpu-device.ts";
import { makeInputs, type Workload, workloads } from "./inputs.ts";
import { loadWorkload } from "./load-workload.ts";
import { makeStepper } from "./stepper.ts";

/** Compiles the model of a workload, fused or not. */
export function compileWorkload(
  { model }: Workload,
  fusion: boolean,
  target: CompileOptions["target"] = describeTarget(undefined),
): CompiledProgram {
  const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
  const entry = join(root, "bench", "models", model);
  const host = diskSources(findPackageFiles().std);
  const { program } = compile(entry, host, { target, fusion, now: () => performance.now() });
  if (program === null) throw new Error(`${model} does not compile`);
  return program;
}

const chunks = 10;

async function measure(workload: Workload, threads: number, seconds: number, fusion: boolean) {
  const program = compileWorkload(workload, fusion);
  const { path: library } = await compileKernels(program, undefined);
  const definition = instantiateProgram(program);
  const { plan } = definition;
  const before = process.memoryUsage.rss();
  const device = new CpuDevice({ plan, library, threads });
  await loadWorkload(device, plan, workload, makeInputs(workload));
  const { run, loss } = makeStepper(definition, device, workload.batch);

  await run(1);
  const first = await loss();
  await run(19);
  const twentieth = await loss();
  let start = performance.now();
  await run(10);
  const once = (performance.now() - start) / 1e4;
  const count = Math.max(1, Math.floor(seconds / chunks / once));
  const times: number[] = [];
  for (let i = 0; i < chunks; i++) {
    start = performance.now();
    await run(count);
    times.push((performance.now() - start) / 1000 / count);
  }
  const { persistent, temporaries, results } = plan.arenas;
  const memory = {
    plannedBytes: persistent + temporaries + results,
    residentBytes: process.memoryUsage.rss() - before,
  };
  device.dispose();
  times.sort((a, b) => a - b);
  return {
    seconds: (times[chunks / 2 - 1]! + times[chunks / 2]!) / 2,
    first,
    twentieth,
    ...memory,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      threads: { type: "string", default: "1" },
      seconds: { type: "string", default: "1" },
      fusion: { type: "boolean", default: true },
    },
  });
  const workload = workloads.find(({ name }) => name === positionals[0]);
  if (workload === undefined) throw new Error(`no workload ${positionals[0]}`);
  const result = await measure(
    workload,
    Number(values.threads),
    Number(values.seconds),
    values.fusion,
  );
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
