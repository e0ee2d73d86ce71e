/** A prepared job on the CPU, ready to be timed. */

import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { elementCount } from "../../runtime/data/column.ts";
import { CpuDevice } from "../../runtime/devices/cpu/cpu-device.ts";
import type { TrainerDefinition } from "../../runtime/plan.ts";
import { repeatFor } from "../repeat-for.ts";
import type { OpenJob } from "../serve-jobs.ts";
import { makeStepper, repeatedRows } from "../stepper.ts";
import type { CpuJob } from "./job.ts";
import { readArray, readInputs, readPrepared, type Variant } from "./prepare.ts";
import { growthBetween, residentSet } from "./resident-set.ts";

export interface OpenOptions {
  readonly variant: Variant;
  readonly threads: number;
}

/** Makes the first steps and hands the rest out to be timed. */
export async function openJob(
  job: CpuJob,
  folder: string,
  { variant, threads }: OpenOptions,
): Promise<OpenJob> {
  const prepared = readPrepared(folder, variant);
  const definition = instantiateProgram(prepared);
  const { plan } = definition;
  const inputs = readInputs(folder);
  const data = [inputs.x, inputs.y].map((stored) => readArray(folder, stored));
  // For what JavaScript takes to make initial values, which is no more there after it.
  definition.initialize(plan.training?.seed ?? 0);
  const before = await residentSet();
  const device = new CpuDevice({
    plan,
    library: prepared.library,
    threads,
  });
  for (const [slot, { name, dtype, shape }] of plan.columns.entries()) {
    await device.bindColumn(slot, { name, dtype, shape, rows: job.batch, data: data[slot]! });
  }
  await writeInitial(device, definition);
  const dispose = () => device.dispose();
  const { persistent, temporaries, results } = plan.arenas;
  const memory = async () => ({
    planned_bytes: persistent + temporaries + results,
    ...growthBetween(before, await residentSet()),
  });
  if (job.kind === "inference") {
    const run = (count: number) => device.run(predictRequest(job.batch, count));
    await run(20);
    const outputs = [...(await device.readResult("predict", 0)).subarray(0, job.outputs)];
    return { answer: { outputs, ...(await memory()) }, time: repeatFor(run), dispose };
  }
  const { run, loss } = makeStepper(definition, device, job.batch);
  await run(1);
  const first = await loss();
  await run(19);
  const answer = { first, twentieth: await loss(), ...(await memory()) };
  return { answer, time: repeatFor(run), dispose };
}

async function writeInitial(
  device: CpuDevice,
  { plan, initialize }: TrainerDefinition,
): Promise<void> {
  const initial = initialize(plan.training?.seed ?? 0);
  for (const { name, shape } of plan.tensors) {
    await device.write(name, initial[name] ?? new Float32Array(elementCount(shape)));
  }
}

/** Forward passes over the batch, which take no numbers of their own. */
function predictRequest(batchSize: number, count: number) {
  const rows = repeatedRows(count, batchSize);
  const scalars = new Float32Array(0);
  return { graph: "predict", rows, batchSize, scalars, seed: 0, firstBatch: 0 };
}
