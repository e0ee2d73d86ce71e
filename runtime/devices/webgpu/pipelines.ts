/**
 * Compiles kernels: all of them, asynchronously, graph after graph in the order in which they are likely wanted, so
 * that training starts before `predict` is compiled. Who runs a graph waits for its kernels only.
 */

import { messageOf } from "../../data/data-error.ts";
import { DeviceError } from "../device.ts";
import type { DeviceHealth } from "./device-health.ts";
import { wgslModule } from "./wgsl-module.ts";
import type { WgslKernel, WgslProgram } from "./wgsl-program.ts";

export interface PipelinesOptions {
  readonly device: GPUDevice;
  readonly health: DeviceHealth;
  readonly program: WgslProgram;
  /** Of the device, for messages. */
  readonly description: string;
  /** Graphs, those wanted first before others. */
  readonly order: readonly string[];
  readonly onProgress: ((compiled: number, all: number) => void) | undefined;
}

const visibleToCompute = 0x4;

export class Pipelines {
  /** Bind group 0: the step, and the iterations of loops. */
  readonly stepLayout: GPUBindGroupLayout;
  readonly #options: PipelinesOptions;
  /** Bind group 1 by `WgslKernel.readOnly`. */
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  /** By position in the program. */
  readonly #compiled: (Promise<GPUComputePipeline> | undefined)[] = [];
  /** By the text of their modules: kernels of several graphs may be the same. */
  readonly #byText = new Map<string, Promise<GPUComputePipeline>>();
  #finished = 0;

  constructor(options: PipelinesOptions) {
    this.#options = options;
    this.stepLayout = options.device.createBindGroupLayout({
      label: "step",
      entries: Array.from({ length: 1 + (options.program.loops?.depth ?? 0) }, (_, binding) => ({
        binding,
        visibility: visibleToCompute,
        buffer: { type: "uniform", hasDynamicOffset: true },
      })),
    });
    void this.#compileAll();
  }

  /** Of every dispatch of the graph. @throws DeviceError with the compiler's message. */
  async graph(name: string): Promise<readonly GPUComputePipeline[]> {
    const { program, health } = this.#options;
    const dispatches = program.graphs[name] ?? [];
    return await health.guard(Promise.all(dispatches.map(({ kernel }) => this.#pipeline(kernel))));
  }

  /** Of bind group 1. */
  layout({ readOnly }: Pick<WgslKernel, "readOnly">): GPUBindGroupLayout {
    const key = readOnly.join();
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const layout = this.#options.device.createBindGroupLayout({
      entries: readOnly.map((isReadOnly, binding) => ({
        binding,
        visibility: visibleToCompute,
        buffer: { type: isReadOnly ? "read-only-storage" : "storage" },
      })),
    });
    this.#layouts.set(key, layout);
    return layout;
  }

  async #compileAll(): Promise<void> {
    const { order, health } = this.#options;
    for (const graph of order) {
      // Errors are those of whoever runs the graph.
      await this.graph(graph).catch(() => {});
      if (health.ended) return;
    }
  }

  #pipeline(index: number): Promise<GPUComputePipeline> {
    this.#compiled[index] ??= this.#compileOnce(this.#options.program.kernels[index]!);
    return this.#compiled[index];
  }

  #compileOnce(kernel: WgslKernel): Promise<GPUComputePipeline> {
    const { program, device, onProgress } = this.#options;
    const text = wgslModule(program, kernel, device.features);
    const key = `${kernel.readOnly.join()}\n${text}`;
    const pipeline = this.#byText.get(key) ?? this.#compile(kernel, text);
    this.#byText.set(key, pipeline);
    pipeline.then(
      () => onProgress?.(++this.#finished, program.kernels.length),
      () => {},
    );
    return pipeline;
  }

  async #compile(kernel: WgslKernel, code: string): Promise<GPUComputePipeline> {
    const { device, description } = this.#options;
    const label = kernel.name;
    const layout = device.createPipelineLayout({
      label,
      bindGroupLayouts: [this.stepLayout, this.layout(kernel)],
    });
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label, code });
    const compilation = device.popErrorScope().catch(() => null);
    try {
      const compute = { module, entryPoint: "main" };
      return await device.createComputePipelineAsync({ label, layout, compute });
    } catch (error) {
      const found = (await errorsOf(module, code)) ?? (await compilation)?.message;
      throw new DeviceError(
        `kernel ${kernel.name} does not compile on ${description}: ${found ?? messageOf(error)}`,
        { cause: error },
      );
    }
  }
}

/** `line 12: unresolved value 'x' in "let y = x;"`, for each. */
async function errorsOf(module: GPUShaderModule, code: string): Promise<string | undefined> {
  const lines = code.split("\n");
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length === 0) return undefined;
  return errors
    .map(({ lineNum, message }) => {
      const line = lines[lineNum - 1]?.trim();
      return line === undefined
        ? message
        : `line ${lineNum}: ${message} in ${JSON.stringify(line)}`;
    })
    .join("; ");
}
