/**
 * NVIDIA's graphics processors: kernels of CUDA, run by the native addon, which knows the driver. This class has what it
 * is asked checked before the addon, which trusts it, sees it.
 */

import { type Column, createArray, elementCount, type TensorData } from "../../data/column.ts";
import { messageOf } from "../../data/data-error.ts";
import type { TensorPlan, TrainerPlan } from "../../plan.ts";
import { loadNativeAddon } from "../cpu/native-addon.ts";
import { type Device, DeviceError, DeviceLostError, type RunRequest } from "../device.ts";
import { RequestChecks } from "../request-checks.ts";
import { Columns } from "./columns.ts";
import type { CudaArena, CudaProgram, CudaVariant } from "./cuda-program.ts";
import { cudaChoice } from "./environment.ts";
import { type CudaImage, loadImage } from "./kernel-image.ts";
import type { CudaDeviceInfo, NativeCudaRun, NativeCudaSession } from "./native-cuda.ts";
import { sessionOptions } from "./session-options.ts";
import { unrollLoops } from "./unroll-loops.ts";
import { chooseVariant } from "./variant.ts";

export interface CudaDeviceOptions {
  readonly plan: TrainerPlan;
  readonly program: CudaProgram;
  /** By variant of the program. */
  readonly images: readonly CudaImage[];
  /** Path of the addon, where it is not in its usual place. */
  readonly addon?: string | undefined;
  /** Says where the driver is and which device to take; that of the process by default. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** The largest column, in bytes, that is kept on the device; as large as there is room for by default. */
  readonly residentBytes?: number | undefined;
}

/** How long one launch of a kernel took. */
export interface LaunchTime {
  readonly kernel: string;
  readonly seconds: number;
}

export class CudaDevice implements Device {
  readonly kind = "cuda";
  readonly description: string;
  readonly #requests: RequestChecks;
  readonly #session: NativeCudaSession;
  readonly #columns: Columns;
  /** Names of the graphs, by their position in the session. */
  readonly #graphs: readonly string[];
  /** By graph: the kernel of each launch. */
  readonly #launches: ReadonlyMap<string, readonly string[]>;
  #isRunning = false;

  private constructor(
    { plan, residentBytes = Infinity }: CudaDeviceOptions,
    variant: CudaVariant,
    { name, isCooperative }: CudaDeviceInfo,
    session: NativeCudaSession,
  ) {
    this.description = `cuda, ${name}`;
    this.#requests = new RequestChecks(plan);
    this.#session = session;
    this.#columns = new Columns(session, plan.columns.length, residentBytes);
    this.#graphs = Object.values(plan.graphs).map((graph) => graph.name);
    this.#launches = new Map(
      Object.keys(variant.graphs).map((graph) => [
        graph,
        unrollLoops(variant, graph, isCooperative).map(
          ({ kernel }) => variant.kernels[kernel]!.name,
        ),
      ]),
    );
  }

  /**
   * Takes the device, loads the kernels and allocates the arenas.
   * @throws DeviceError if there is no device, or it has less than the model needs.
   */
  static async open(options: CudaDeviceOptions): Promise<CudaDevice> {
    const { plan, program, images, environment = process.env } = options;
    const addon = loadNativeAddon(options.addon);
    const choice = cudaChoice(environment);
    const device = await translated(() => addon.findCudaDevice(choice));
    const index = chooseVariant(program, device, plan.model);
    const variant = program.variants[index]!;
    const use = { addon, device, environment };
    const image = await loadImage(images[index]!, variant.architecture, use);
    const session = new addon.CudaSession({
      ...choice,
      ...sessionOptions(plan, variant, device),
      image,
    });
    try {
      await translated(() => session.open());
    } catch (error) {
      session.dispose();
      throw new DeviceError(`${plan.model} cannot be set up: ${messageOf(error)}`, {
        cause: error,
      });
    }
    return new CudaDevice(options, variant, device, session);
  }

  async bindColumn(slot: number, column: Column): Promise<void> {
    this.#requests.checkColumn(slot, column);
    await translated(() => this.#columns.bind(slot, column));
  }

  async write(tensor: string, data: TensorData): Promise<void> {
    const plan = this.#requests.tensor(tensor);
    this.#requests.checkData(plan, data);
    await translated(() => this.#session.write("persistent", plan.offset, data));
  }

  async read(tensor: string): Promise<TensorData> {
    return this.#read("persistent", this.#requests.tensor(tensor));
  }

  async run(request: RunRequest): Promise<void> {
    await this.#alone(request, (run) => this.#session.run(run));
  }

  /**
   * Times launches of a graph one by one, as the request's first step has them, each repeated for about `seconds`. What
   * they change is changed as often, so this is for measuring alone.
   */
  async timeLaunches(
    request: RunRequest,
    seconds: number,
    isWanted: (kernel: string) => boolean = () => true,
  ): Promise<readonly LaunchTime[]> {
    return this.#alone(request, async (run) => {
      const times: LaunchTime[] = [];
      for (const [launch, kernel] of this.#launches.get(request.graph)!.entries()) {
        if (!isWanted(kernel)) continue;
        times.push({ kernel, seconds: await this.#session.timeLaunch(run, launch, seconds) });
      }
      return times;
    });
  }

  async #alone<T>(request: RunRequest, action: (run: NativeCudaRun) => Promise<T>): Promise<T> {
    const graph = this.#requests.checkRun(request, this.#columns.rows);
    if (this.#isRunning) throw new DeviceError("a run is in flight: await it first");
    this.#isRunning = true;
    const { rows, batchSize, scalars, seed, firstBatch } = request;
    const position = this.#graphs.indexOf(graph.name);
    try {
      return await translated(() =>
        action({ graph: position, rows, batchSize, scalars, seed, firstBatch }),
      );
    } finally {
      this.#isRunning = false;
    }
  }

  async readResult(graph: string, index: number): Promise<TensorData> {
    return this.#read("results", this.#requests.result(graph, index));
  }

  dispose(): void {
    this.#session.dispose();
  }

  async #read(arena: CudaArena, { dtype, shape, offset }: TensorPlan): Promise<TensorData> {
    const data = createArray(dtype, elementCount(shape));
    await translated(() => this.#session.read(arena, offset, data));
    return data;
  }
}

/** Errors of the addon become those of devices. */
async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const isLost = error instanceof Error && "code" in error && error.code === "lost";
    const Kind = isLost ? DeviceLostError : DeviceError;
    throw new Kind(messageOf(error), { cause: error });
  }
}
