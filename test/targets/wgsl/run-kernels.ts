/**
 * Prints a module as WGSL and runs one of its graphs for one step on a device, dispatch by dispatch: what tests of
 * kernels share. Arenas are given and returned as bytes, in which every element takes a word.
 */

import type { KernelModule } from "../../../compiler/kernel/module.ts";
import { printWgsl } from "../../../compiler/targets/wgsl/print-module.ts";
import { iterationStride, runInOrder } from "../../../runtime/devices/webgpu/loops.ts";
import { wgslModule } from "../../../runtime/devices/webgpu/wgsl-module.ts";
import type {
  WgslBinding,
  WgslDispatch,
  WgslProgram,
} from "../../../runtime/devices/webgpu/wgsl-program.ts";
import { type OpenedDevice, openDawn, pipelineLayout } from "../../dawn.ts";

export interface KernelRun {
  readonly module: KernelModule;
  /** The same launches with kernels for devices with subgroups, which run in place of the others if given. */
  readonly subgroups?: KernelModule;
  /** The symbol of a graph. */
  readonly symbol: string;
  readonly persistent?: Uint8Array;
  readonly temporariesBytes?: number;
  readonly resultsBytes?: number;
  /** Elements of each column as they are in files: bytes for u8 and bool. */
  readonly columns?: readonly ArrayBufferView[];
  readonly rows?: readonly number[];
  readonly scalars?: readonly number[];
  readonly seed?: number;
  readonly batch?: number;
  /** The largest batch; the number of rows without it. */
  readonly batchMax?: number;
  /** Runs on this device, which stays open. */
  readonly opened?: OpenedDevice;
}

export interface KernelOutcome {
  readonly persistent: ArrayBuffer;
  readonly temporaries: ArrayBuffer;
  readonly results: ArrayBuffer;
  readonly program: WgslProgram;
}

const usage = { mapRead: 1, copySource: 4, copyDestination: 8, uniform: 64, storage: 128 } as const;

/** Null where there is no device, see `openDawn`. */
export async function runKernels(run: KernelRun): Promise<KernelOutcome | null> {
  const opened = run.opened ?? (await openDawn());
  if (opened === null) return null;
  try {
    return await runOn(opened.device, run);
  } finally {
    if (run.opened === undefined) opened.close();
  }
}

async function runOn(device: GPUDevice, run: KernelRun): Promise<KernelOutcome> {
  const { module, subgroups, symbol, columns = [], rows = [0], scalars = [] } = run;
  const given = run.persistent ?? new Uint8Array(0);
  const arenas = {
    persistent: wholeWords(given.byteLength),
    temporaries: wholeWords(run.temporariesBytes ?? 0),
    results: wholeWords(run.resultsBytes ?? 0),
  };
  const program = printWgsl(module, subgroups ?? null, {
    batchMax: run.batchMax ?? rows.length,
    arenas,
  });
  const features = new Set<string>(subgroups === undefined ? [] : ["subgroups"]);
  if (subgroups !== undefined && !device.features.has("subgroups")) {
    throw new Error("the device has no subgroups");
  }
  const buffers: GPUBuffer[] = [];
  const storage = (data: Uint8Array, atLeast = 0): GPUBuffer => {
    const size = Math.max(16, wholeWords(Math.max(atLeast, data.byteLength)));
    const flags = usage.storage | usage.copySource | usage.copyDestination;
    const buffer = device.createBuffer({ size, usage: flags });
    buffers.push(buffer);
    const padded = new Uint8Array(wholeWords(data.byteLength));
    padded.set(data);
    if (padded.byteLength > 0) device.queue.writeBuffer(buffer, 0, padded);
    return buffer;
  };
  const memory = {
    persistent: storage(given),
    temporaries: storage(new Uint8Array(0), arenas.temporaries),
    results: storage(new Uint8Array(0), arenas.results),
  };
  const rowNumbers = storage(new Uint8Array(Int32Array.from(rows).buffer));
  const columnBuffers = columns.map((c) =>
    storage(new Uint8Array(c.buffer, c.byteOffset, c.byteLength)),
  );
  const step = stepBuffer(device, rows.length, scalars, run.seed ?? 0, run.batch ?? 0);
  buffers.push(step);
  const depth = program.loops?.depth ?? 0;
  const iterations = iterationsBuffer(device);
  buffers.push(iterations);

  const resourceOf = (binding: WgslBinding): GPUBufferBinding => {
    switch (binding.kind) {
      case "arena":
        return { buffer: memory[binding.arena], offset: binding.offset, size: binding.size };
      case "column":
        return { buffer: columnBuffers[binding.slot]! };
      case "rows":
        return { buffer: rowNumbers };
    }
  };
  const graph = module.functions.find((fn) => fn.symbol === symbol)!.graph;
  const errors: string[] = [];
  device.pushErrorScope("validation");
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  const pipelines = new Map<number, GPUComputePipeline>();
  const dispatches = program.graphs[graph]!;
  for (const dispatch of dispatches) {
    const known = pipelines.get(dispatch.kernel);
    const pipeline = known ?? (await createPipeline(device, program, dispatch, features, errors));
    if (pipeline === null) break;
    pipelines.set(dispatch.kernel, pipeline);
  }
  const offsets: number[] = new Array(1 + depth).fill(0);
  const runDispatch = (dispatch: WgslDispatch): void => {
    const pipeline = pipelines.get(dispatch.kernel);
    if (pipeline === undefined) return;
    const entries = dispatch.bindings.map((b, binding) => ({ binding, resource: resourceOf(b) }));
    pass.setPipeline(pipeline);
    const uniforms = offsets.map((_, binding) => ({
      binding,
      resource:
        binding === 0
          ? { buffer: step, size: step.size }
          : { buffer: iterations, size: iterationStride },
    }));
    pass.setBindGroup(
      0,
      device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: uniforms }),
      offsets,
    );
    pass.setBindGroup(
      1,
      device.createBindGroup({ layout: pipeline.getBindGroupLayout(1), entries }),
    );
    pass.dispatchWorkgroups(...dispatch.workgroups);
  };
  runInOrder(
    program.loops?.graphs[graph]?.order ?? dispatches.map((_, number) => number),
    (number) => runDispatch(dispatches[number]!),
    (at, iteration) => {
      offsets[1 + at] = iteration * iterationStride;
    },
  );
  pass.end();
  const copies = Object.values(memory).map((buffer) => {
    const copy = device.createBuffer({
      size: buffer.size,
      usage: usage.mapRead | usage.copyDestination,
    });
    buffers.push(copy);
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
    return copy;
  });
  const commands = encoder.finish();
  const error = await device.popErrorScope();
  if (error !== null) errors.push(error.message);
  if (errors.length > 0) throw new Error(errors.join("\n"));
  device.queue.submit([commands]);
  const [persistent, temporaries, results] = await Promise.all(
    copies.map(async (copy) => {
      await copy.mapAsync(usage.mapRead);
      return copy.getMappedRange().slice(0);
    }),
  );
  for (const buffer of buffers) buffer.destroy();
  return {
    persistent: persistent!.slice(0, given.byteLength),
    temporaries: temporaries!.slice(0, arenas.temporaries),
    results: results!.slice(0, arenas.results),
    program,
  };
}

function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

function stepBuffer(
  device: GPUDevice,
  n: number,
  scalars: readonly number[],
  seed: number,
  batch: number,
): GPUBuffer {
  const size = 32 + 16 * Math.ceil(scalars.length / 4);
  const words = new Uint32Array(size / 4);
  words.set([n, 0, seed, batch, 0x7f800000, 0x7fc00000]);
  new Float32Array(words.buffer).set(scalars, 8);
  const buffer = device.createBuffer({ size, usage: usage.uniform | usage.copyDestination });
  device.queue.writeBuffer(buffer, 0, words);
  return buffer;
}

/** Enough iterations for the loops of tests. */
function iterationsBuffer(device: GPUDevice): GPUBuffer {
  const size = 16 * iterationStride;
  const buffer = device.createBuffer({ size, usage: usage.uniform | usage.copyDestination });
  const words = new Int32Array(size / 4);
  for (let i = 0; i < 16; i++) words[(i * iterationStride) / 4] = i;
  device.queue.writeBuffer(buffer, 0, words);
  return buffer;
}

async function createPipeline(
  device: GPUDevice,
  program: WgslProgram,
  dispatch: WgslDispatch,
  features: ReadonlySet<string>,
  errors: string[],
): Promise<GPUComputePipeline | null> {
  const kernel = program.kernels[dispatch.kernel]!;
  const code = wgslModule(program, kernel, features);
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  if (messages.length > 0) {
    errors.push(...messages.map(({ lineNum, message }) => `${lineNum}: ${message}`), code);
    return null;
  }
  return device.createComputePipelineAsync({
    layout: pipelineLayout(device, kernel.readOnly, program.loops?.depth),
    compute: { module, entryPoint: "main" },
  });
}
