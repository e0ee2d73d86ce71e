/** Runs cases as compiled trainers on a device, in float32: tests the whole way. */

import { describeTarget } from "../../../compiler/cli/machine.ts";
import { openDevice, readyKernels } from "../../../compiler/cli/model-environment.ts";
import { type CompileOptions, compile } from "../../../compiler/index.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { instantiateProgram } from "../../../compiler/trainer/instantiate.ts";
import type { Column, TensorData } from "../../../runtime/data/column.ts";
import { createArray, elementCount } from "../../../runtime/data/column.ts";
import type { Device } from "../../../runtime/devices/device.ts";
import type { TrainerPlan } from "../../../runtime/plan.ts";
import {
  type CaseProgram,
  columnsOf,
  givenTensors,
  outputName,
  samplesOf,
  sourceOf,
  type Tensor,
} from "./case-program.ts";
import {
  caseFile,
  hostOf,
  MissingTensor,
  RefusedProgram,
  type Step,
  type Target,
  type Tensors,
} from "./target.ts";

/** Compiles for a target and runs on the device that it is for. */
export const compiledTarget = (target: CompileOptions["target"]): Target => ({
  precision: "float32",
  run: async (program, steps) => {
    const source = sourceOf(program);
    const { program: compiled, diagnostics } = compile(caseFile, hostOf(source), { target });
    if (compiled === null) throw new RefusedProgram(diagnostics, source);
    const { code } = compiled;
    const definition = instantiateProgram(
      compiled,
      code.target === "cpu" ? {} : { [code.target]: code.program },
    );
    const { plan } = definition;
    const device = await openDevice(definition, await readyKernels(compiled, undefined), 1);
    try {
      await writeTensors(device, plan, definition.initialize(0), program);
      const columns = columnsOf(program);
      const run = async (graph: string, step: Step, t: number) => {
        await bindColumns(device, plan, columns, step, samplesOf(program));
        const hypers = { ...plan.hypers };
        if (step.learningRate !== undefined) hypers.learning_rate = step.learningRate;
        const counters = { t, batch: t - 1 };
        await device.run({
          graph,
          rows: Int32Array.from({ length: samplesOf(program) }, (_, row) => row),
          batchSize: samplesOf(program),
          scalars: Float32Array.from(definition.stepScalars(graph, hypers, counters)),
          seed: 0,
          firstBatch: t - 1,
        });
      };
      if (program.metrics !== undefined) {
        await run("evaluate", {}, 1);
        const states = await readTensors(device, plan);
        const metrics = definition.readMetrics((path) => Float32Array.from(states.get(path)!));
        return { outputs: new Map(), steps: [], metrics };
      }
      await run("predict", {}, 1);
      const outputs = await readOutputs(device, plan, program);
      const after: Tensors[] = [];
      if (plan.training === null) return { outputs, steps: after };
      for (const [i, step] of steps.entries()) {
        await run("train", step, i + 1);
        after.push(await readTensors(device, plan));
      }
      return { outputs, steps: after };
    } finally {
      device.dispose();
    }
  },
});

export const cpuTarget: Target = compiledTarget(describeTarget(undefined));

/** On the graphics processor that Dawn finds. */
export const wgslTarget: Target = compiledTarget(describeWgsl());

/** On the device of the CUDA driver. */
export const cudaTarget: Target = compiledTarget(describeCuda());

/** Params start from the case's values, the rest from the program's own. */
async function writeTensors(
  device: Device,
  { tensors }: TrainerPlan,
  initial: Readonly<Record<string, ArrayLike<number>>>,
  program: CaseProgram,
): Promise<void> {
  const given = givenTensors(program);
  const names = new Set(tensors.map(({ name }) => name));
  for (const path of given.keys()) if (!names.has(path)) throw new MissingTensor(path);
  for (const { name, dtype, shape } of tensors) {
    const values = createArray(dtype, elementCount(shape));
    values.set(given.get(name) ?? initial[name] ?? []);
    await device.write(name, values);
  }
}

async function bindColumns(
  device: Device,
  plan: TrainerPlan,
  columns: ReadonlyMap<string, Tensor>,
  { columns: replaced }: Step,
  rows: number,
): Promise<void> {
  for (const [slot, { name, dtype, shape }] of plan.columns.entries()) {
    const tensor = replaced?.get(name) ?? columns.get(name)!;
    const data: TensorData = createArray(dtype, rows * elementCount(shape));
    data.set(tensor.data);
    const column: Column = { name, dtype, shape, rows, data };
    await device.bindColumn(slot, column);
  }
}

async function readOutputs(
  device: Device,
  plan: TrainerPlan,
  { outputs }: CaseProgram,
): Promise<Tensors> {
  const { results } = plan.graphs.predict!;
  const read = outputs.map(async ({ name }) => {
    const index = results.findIndex((result) => result.name === outputName(name));
    return [name, await device.readResult("predict", index)] as const;
  });
  return new Map(await Promise.all(read));
}

async function readTensors(device: Device, { tensors }: TrainerPlan): Promise<Tensors> {
  const read = tensors.map(async ({ name }) => [name, await device.read(name)] as const);
  return new Map(await Promise.all(read));
}
