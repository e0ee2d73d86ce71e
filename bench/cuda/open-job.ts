/** A prepared job on a device of nnc's, ready to be timed. */

import type { KernelReport } from "../../compiler/schedule/report-kernel.ts";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { elementCount, type TensorData } from "../../runtime/data/column.ts";
import { CpuDevice } from "../../runtime/devices/cpu/cpu-device.ts";
import { CudaDevice } from "../../runtime/devices/cuda/cuda-device.ts";
import type { Device } from "../../runtime/devices/device.ts";
import type { TrainerDefinition, TrainerPlan } from "../../runtime/plan.ts";
import { generator } from "../inputs.ts";
import type { OpenAnswer } from "../peer-process.ts";
import { repeatFor } from "../repeat-for.ts";
import type { OpenJob } from "../serve-jobs.ts";
import { makeStepper, type Stepper } from "../stepper.ts";
import type { Job, Precision, ProductJob, StepJob } from "./job.ts";
import { type PreparedCode, readPrepared, sampleColumn, type Variant } from "./program.ts";

export async function openJob(job: Job, folder: string, variant: Variant): Promise<OpenJob> {
  const program = readPrepared(folder, variant);
  const { code } = program;
  const definition = instantiateProgram(
    program,
    code.target === "cuda" ? { cuda: code.program } : {},
  );
  const device = await openDevice(definition.plan, code);
  try {
    const batch = job.kind === "step" ? job.batch : 1;
    const stepper = makeStepper(definition, device, batch);
    await bindColumns(device, definition.plan, batch);
    const dispose = () => device.dispose();
    if (job.kind === "step") {
      const answer = await openStep(device, definition, stepper);
      return { answer, time: repeatFor(stepper.run), dispose };
    }
    await openStates(device, definition.plan, stepper, job);
    // What else is in such a step is not what is measured.
    if (!(device instanceof CudaDevice))
      return { answer: {}, time: repeatFor(stepper.run), dispose };
    const { own, copies } = measuredKernels(job, program.kernels);
    const sumOf = async (isWanted: (kernel: string) => boolean, seconds: number) => {
      const times = await device.timeLaunches(stepper.request(1), seconds, isWanted);
      return times.reduce((sum, time) => sum + time.seconds, 0);
    };
    const copySeconds = await sumOf(copies, 0.01);
    return { answer: { copy_seconds: copySeconds }, time: (wanted) => sumOf(own, wanted), dispose };
  } catch (error) {
    device.dispose();
    throw error;
  }
}

async function openDevice(plan: TrainerPlan, code: PreparedCode): Promise<Device> {
  if (code.target === "cpu") return new CpuDevice({ plan, library: code.library, threads: 1 });
  const { program, images } = code;
  return CudaDevice.open({ plan, program, images });
}

async function bindColumns(device: Device, plan: TrainerPlan, batch: number): Promise<void> {
  for (const [slot, column] of plan.columns.entries()) {
    await device.bindColumn(slot, sampleColumn(column, batch));
  }
}

async function openStep(
  device: Device,
  { plan, initialize }: TrainerDefinition,
  { run, loss }: Stepper,
): Promise<OpenAnswer> {
  const initial = initialize(plan.training?.seed ?? 0);
  for (const { name, shape } of plan.tensors) {
    await device.write(name, initial[name] ?? new Float32Array(elementCount(shape)));
  }
  await run(1);
  const first = await loss();
  const first_step_at = Date.now() / 1000;
  await run(19);
  return { first, twentieth: await loss(), first_step_at };
}

/** Products and passes over memory: all tensors are filled with random numbers, as zeros take less power. */
async function openStates(
  device: Device,
  plan: TrainerPlan,
  { run }: Stepper,
  job: Exclude<Job, StepJob>,
): Promise<void> {
  const operands = new Map<string, Float32Array>();
  for (const { name, shape, role } of plan.tensors) {
    const isRead = role === "param" || (role === "state" && !name.endsWith("/y"));
    const data = new Float32Array(elementCount(shape));
    if (isRead) fill(data, name.charCodeAt(name.length - 1));
    operands.set(name.slice(plan.model.length + 1), data);
    await device.write(name, data);
  }
  await run(1);
  if (job.kind === "product") {
    const [a, b] = [operands.get("a")!, operands.get("b")!];
    requireProduct(job, a, b, await device.read(`${plan.model}/y`));
  }
}

/** By the names of launches: the kernels that are measured, and those that round operands for them before. */
export function measuredKernels(
  { kind, id }: Pick<Job, "kind" | "id">,
  kernels: readonly Pick<KernelReport, "graph" | "name" | "bytes">[],
): Readonly<Record<"own" | "copies", (kernel: string) => boolean>> {
  const train = kernels.filter(({ graph }) => graph === "train");
  const largest = Math.max(...train.map(({ bytes }) => bytes));
  const isOwn = ({ name, bytes }: (typeof train)[number]) =>
    // A long sum is cut, and its parts are added up by a kernel with a number.
    kind === "product" ? /_product(_\d+)?$/.test(name) : bytes === largest;
  const own = train.filter(isOwn).map(({ name }) => name);
  if (own.length === 0) throw new Error(`${id} has none of the kernels that are to be measured`);
  // Names that C has already are given a prefix.
  const names = new Set(own.flatMap((name) => [name, `run_${name}`]));
  return {
    own: (kernel) => names.has(kernel),
    copies: (kernel) => kind === "product" && /^(run_)?cast(_\d+)?$/.test(kernel),
  };
}

/** A block of random numbers again and again; of a length that no size is a multiple of. */
function fill(data: Float32Array, seed: number): void {
  const block = Math.min(65_521, data.length);
  const next = generator(seed);
  for (let i = 0; i < block; i++) data[i] = next();
  for (let at = block; at < data.length; at += block) {
    data.copyWithin(at, 0, Math.min(block, data.length - at));
  }
}

/** Of an element of y over √inner, with operands in [−1, 1): what rounding each operand makes of it, several times over. */
const tolerances: { readonly [P in Precision]: number } = { f32: 1e-5, tf32: 4e-3, bf16: 3e-2 };

/** Compares elements all over y with sums in float64. */
export function requireProduct(
  { form, rows, inner, columns, precision }: ProductJob,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  y: TensorData,
): void {
  const samples = 64;
  for (let s = 0; s < samples; s++) {
    const at = Math.floor((s * (rows * columns - 1)) / (samples - 1));
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      const left = form === "weights" ? a[k * rows + i]! : a[i * inner + k]!;
      const right = form === "inputs" ? b[j * inner + k]! : b[k * columns + j]!;
      sum += left * right;
    }
    if (!(Math.abs(y[at]! - sum) <= tolerances[precision] * Math.sqrt(inner))) {
      throw new Error(`y[${i}, ${j}] is ${y[at]}, expected ${sum}`);
    }
  }
}
