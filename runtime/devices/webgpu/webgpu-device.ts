/**
 * A graphics processor behind WebGPU: in Node through Dawn, in browsers as it is. Nothing here depends on either;
 * `node-gpu.ts` and `browser-gpu.ts` say where a `GPU` comes from.
 */

import type { Column, TensorData } from "../../data/column.ts";
import { elementCount } from "../../data/column.ts";
import type { TensorPlan, TrainerPlan } from "../../plan.ts";
import { type Device, DeviceError, type RunRequest } from "../device.ts";
import { RequestChecks } from "../request-checks.ts";
import { describeAdapter, requestDevice } from "./adapter.ts";
import { type ArenaName, BindGroups } from "./bind-groups.ts";
import { Allocator, type DeviceBuffer, fromWords, toWords, upload, usage } from "./buffers.ts";
import { Columns } from "./columns.ts";
import { DeviceHealth } from "./device-health.ts";
import { Pipelines } from "./pipelines.ts";
import { Readback } from "./readback.ts";
import { StepRunner } from "./step-runner.ts";
import type { WgslProgram } from "./wgsl-program.ts";

export interface WebGpuDeviceOptions {
  readonly plan: TrainerPlan;
  readonly program: WgslProgram;
  readonly gpu: GPU;
  /** One that was not used yet; by default `gpu` is asked for one. */
  readonly adapter?: GPUAdapter | undefined;
  readonly powerPreference?: GPUPowerPreference | undefined;
  /** Kernels are compiled while other things go on; called as each is ready. */
  readonly onProgress?: ((compiled: number, all: number) => void) | undefined;
  /** The largest column, in bytes, that is kept on the device; as large as a binding may be by default. */
  readonly residentBytes?: number | undefined;
}

interface Parts {
  readonly options: WebGpuDeviceOptions;
  readonly device: GPUDevice;
  readonly description: string;
  readonly health: DeviceHealth;
  readonly arenas: Readonly<Record<ArenaName, DeviceBuffer>>;
  readonly pipelines: Pipelines;
  readonly columns: Columns;
  readonly runner: StepRunner;
  readonly readback: Readback;
}

export class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly description: string;
  /** Resolves with the reason if the device is lost while it is in use: open another then. */
  readonly lost: Promise<string>;
  /** Holds the `GPU`, too: Dawn crashes where that is collected before its devices. */
  readonly #parts: Parts;
  readonly #requests: RequestChecks;
  #isRunning = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#requests = new RequestChecks(parts.options.plan);
    this.description = parts.description;
    this.lost = parts.health.lost;
  }

  /**
   * Allocates the arenas and begins to compile.
   * @throws DeviceError if there is no adapter, or it has less than the model needs.
   */
  static async create(options: WebGpuDeviceOptions): Promise<WebGpuDevice> {
    const { plan, program, gpu, powerPreference = "high-performance" } = options;
    const adapter = options.adapter ?? (await gpu.requestAdapter({ powerPreference }));
    if (adapter === null) throw new DeviceError("there is no graphics processor for WebGPU here");
    const { name, software } = describeAdapter(adapter);
    const description = `webgpu, ${name}${software ? " (software)" : ""}`;
    const device = await requestDevice(adapter, { model: plan.model, program });
    try {
      return new WebGpuDevice(await createParts(options, device, description));
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  async bindColumn(slot: number, column: Column): Promise<void> {
    this.#requests.checkColumn(slot, column);
    this.#parts.health.check();
    await this.#parts.columns.bind(slot, column);
  }

  async write(tensor: string, data: TensorData): Promise<void> {
    const { device, health, arenas } = this.#parts;
    const plan = this.#requests.tensor(tensor);
    this.#requests.checkData(plan, data);
    health.check();
    await upload(device, health, arenas.persistent.gpu, plan.offset, toWords(data));
  }

  async read(tensor: string): Promise<TensorData> {
    return this.#read("persistent", this.#requests.tensor(tensor));
  }

  async run(request: RunRequest): Promise<void> {
    const { columns, health, runner } = this.#parts;
    const graph = this.#requests.checkRun(request, columns.rows);
    health.check();
    if (this.#isRunning) throw new DeviceError("a run is in flight: await it first");
    this.#isRunning = true;
    try {
      await runner.run(graph, request);
    } finally {
      this.#isRunning = false;
    }
  }

  async readResult(graph: string, index: number): Promise<TensorData> {
    return this.#read("results", this.#requests.result(graph, index));
  }

  /** Resolves when the kernels of these graphs are compiled; runs wait for them by themselves. */
  async compiled(graphs: readonly string[]): Promise<void> {
    for (const name of graphs) await this.#parts.pipelines.graph(this.#requests.graph(name).name);
  }

  dispose(): void {
    const { health, device } = this.#parts;
    health.dispose();
    device.destroy();
  }

  async #read(arena: ArenaName, { dtype, shape, offset }: TensorPlan): Promise<TensorData> {
    const { health, arenas, readback } = this.#parts;
    health.check();
    const words = await readback.read(arenas[arena].gpu, offset, 4 * elementCount(shape));
    return fromWords(dtype, words);
  }
}

async function createParts(
  options: WebGpuDeviceOptions,
  device: GPUDevice,
  description: string,
): Promise<Parts> {
  const { plan, program, onProgress } = options;
  const health = new DeviceHealth(device);
  const allocator = new Allocator(device, health);
  const order = compilationOrder(plan);
  const pipelines = new Pipelines({ device, health, program, description, order, onProgress });
  const flags = usage.storage | usage.copySource | usage.copyDestination;
  const arena = (name: ArenaName) =>
    allocator.allocate(`${name} arena of ${plan.model}`, plan.arenas[name], flags);
  const arenas = {
    persistent: await arena("persistent"),
    temporaries: await arena("temporaries"),
    results: await arena("results"),
  };
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const { residentBytes = Infinity } = options;
  const columns = new Columns({
    device,
    health,
    allocator,
    plans: plan.columns,
    residentBytes: Math.min(residentBytes, maxBufferSize, maxStorageBufferBindingSize),
  });
  const bindGroups = new BindGroups(device, pipelines, program, arenas);
  const parts = { device, health, plan, program, pipelines, bindGroups, columns };
  const runner = await StepRunner.create(allocator, parts);
  const readback = new Readback(device, health, allocator);
  return { options, device, description, health, arenas, pipelines, columns, runner, readback };
}

/** As a run of `fit` needs the graphs; those that only other calls need, last. */
function compilationOrder(plan: TrainerPlan): readonly string[] {
  const updates = plan.training?.updates?.map(({ graph }) => graph) ?? ["train"];
  const first = [...plan.statistics.map(({ graph }) => graph), ...updates, "evaluate"];
  const names = new Set([...first, ...Object.keys(plan.graphs)]);
  return [...names].filter((name) => Object.hasOwn(plan.graphs, name));
}
