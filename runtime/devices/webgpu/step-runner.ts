/**
 * Runs the steps of a graph: one command buffer a step, several of them on their way to the device at a time, so
 * that it never waits for the host, and never so many that memory runs out or a page stands still.
 */

import type { GraphPlan, TrainerPlan } from "../../plan.ts";
import { DeviceError, type RunRequest, stepCount } from "../device.ts";
import { Batches, batchesAtOnce } from "./batches.ts";
import type { BindGroups, StepBuffers } from "./bind-groups.ts";
import { type Allocator, type DeviceBuffer, usage, writePiece } from "./buffers.ts";
import type { Columns } from "./columns.ts";
import type { DeviceHealth } from "./device-health.ts";
import { createIterations, iterationStride, runInOrder } from "./loops.ts";
import type { Pipelines } from "./pipelines.ts";
import { StepUniforms } from "./step-uniforms.ts";
import type { WgslDispatch, WgslOrder, WgslProgram } from "./wgsl-program.ts";

/** What the steps of a run need of the device. */
export interface StepRunnerParts {
  readonly device: GPUDevice;
  readonly health: DeviceHealth;
  readonly plan: TrainerPlan;
  readonly program: WgslProgram;
  readonly pipelines: Pipelines;
  readonly bindGroups: BindGroups;
  readonly columns: Columns;
  readonly batches: Batches;
  /** Of `stepsAtOnce` steps. */
  readonly uniforms: StepUniforms;
  /** Of loops, see `createIterations`. */
  readonly iterations: DeviceBuffer | undefined;
  /** Row numbers of as many steps. */
  readonly rows: DeviceBuffer;
  readonly stepsAtOnce: number;
}

/** Steps that are submitted between two looks at how far the device has come, and how many such groups go ahead. */
const stepsPerGroup = 16;
const groupsInFlight = 2;
/** Dispatches that are submitted so at most, but for those of one step. */
const dispatchesPerGroup = 8192;
/** Batches of a group that are handed over may take so much, as the host keeps them until they are on the device. */
const bytesPerGroup = 32 * 2 ** 20;

const uniformSlots = 256;
/** Row numbers that are uploaded at a time, as far as one batch has not more. */
const rowsAtOnce = 2 ** 20;

/** A graph that is ready to run. */
interface ReadyGraph {
  readonly plan: GraphPlan;
  readonly dispatches: readonly WgslDispatch[];
  /** The dispatches by number, in their loops. */
  readonly order: readonly WgslOrder[];
  readonly pipelines: readonly GPUComputePipeline[];
  /** Bind groups 1 of the dispatches. Streamed batches take turns; resident columns have one set. */
  readonly turns: readonly (readonly GPUBindGroup[])[];
  readonly isStreamed: boolean;
  readonly stepsPerGroup: number;
}

export class StepRunner {
  readonly #parts: StepRunnerParts;
  readonly #stepGroup: GPUBindGroup;
  /** Dynamic offsets of the step and of each loop, written anew for each dispatch that sees others. */
  readonly #offsets: number[];

  private constructor(parts: StepRunnerParts) {
    const { device, pipelines, uniforms, iterations, program } = parts;
    this.#parts = parts;
    this.#offsets = new Array(1 + (program.loops?.depth ?? 0)).fill(0);
    const resources = this.#offsets.map(
      (_, binding): GPUBufferBinding =>
        binding === 0
          ? { buffer: uniforms.buffer.gpu, size: uniforms.stride }
          : { buffer: iterations!.gpu, size: iterationStride },
    );
    this.#stepGroup = device.createBindGroup({
      label: "step",
      layout: pipelines.stepLayout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
  }

  static async create(
    allocator: Allocator,
    parts: Omit<StepRunnerParts, "batches" | "uniforms" | "iterations" | "rows" | "stepsAtOnce">,
  ): Promise<StepRunner> {
    const { device, plan, program } = parts;
    const { batchMax } = plan;
    const stepsAtOnce = Math.max(1, Math.min(uniformSlots, Math.floor(rowsAtOnce / batchMax)));
    const scalars = Math.max(0, ...Object.values(plan.graphs).map((graph) => graph.scalars));
    const uniforms = await StepUniforms.create(allocator, stepsAtOnce, scalars);
    const iterations = await createIterations(allocator, device.queue, program);
    const flags = usage.storage | usage.copyDestination;
    const rows = await allocator.allocate("row numbers", 4 * stepsAtOnce * batchMax, flags);
    const batches = new Batches(device.queue, allocator, plan);
    return new StepRunner({ ...parts, batches, uniforms, iterations, rows, stepsAtOnce });
  }

  /** A request that was checked. Resolves when its last step is done. */
  async run(plan: GraphPlan, request: RunRequest): Promise<void> {
    const { health } = this.#parts;
    const graph = await this.#prepare(plan);
    const steps = stepCount(request);
    const inFlight: Promise<void>[] = [];
    let uploaded = 0;
    for (let first = 0; first < steps; ) {
      if (inFlight.length === groupsInFlight) await inFlight.shift();
      health.check();
      if (first === uploaded) uploaded += this.#upload(graph, request, first);
      const count = Math.min(graph.stepsPerGroup, uploaded - first);
      const group = this.#submitGroup(graph, request, first, count);
      // It may fail while an earlier one is awaited, or behind one that failed.
      group.catch(() => {});
      inFlight.push(group);
      first += count;
    }
    for (const group of inFlight) await group;
    health.check();
  }

  /** Everything that the graph needs and what is bound now, made if it was not there. */
  async #prepare(plan: GraphPlan): Promise<ReadyGraph> {
    const { program, columns, batches, bindGroups, rows, device, health } = this.#parts;
    const dispatches = program.graphs[plan.name] ?? [];
    const pipelines = await this.#parts.pipelines.graph(plan.name);
    // Kernels number the rows of all columns alike, so all are streamed or none.
    const isStreamed = plan.columns.some((slot) => columns.bound(slot).buffer === undefined);
    const buffers: StepBuffers[] = [];
    if (isStreamed) {
      await batches.prepare(plan.columns);
      const numbers = await batches.rowNumbers();
      for (let turn = 0; turn < batchesAtOnce; turn++) {
        buffers.push({ rows: numbers, column: (slot) => batches.buffer(slot, turn) });
      }
    } else {
      buffers.push({ rows, column: (slot) => columns.bound(slot).buffer! });
    }
    device.pushErrorScope("validation");
    const turns = buffers.map((own) => bindGroups.of(plan.name, plan.columns, own));
    const error = await health.guard(device.popErrorScope());
    const loops = program.loops?.graphs[plan.name];
    const order = loops?.order ?? dispatches.map((_, number) => number);
    const fitting = isStreamed ? Math.floor(bytesPerGroup / batches.bytes(plan.columns)) : Infinity;
    const quick = Math.floor(dispatchesPerGroup / (loops?.dispatches ?? 1));
    const graph: ReadyGraph = {
      plan,
      dispatches,
      order,
      pipelines,
      turns,
      isStreamed,
      stepsPerGroup: Math.max(1, Math.min(stepsPerGroup, fitting, quick)),
    };
    if (error !== null) throw await this.#failure(graph, error);
    return graph;
  }

  /** What the next steps need to know, behind those that are in flight. Gives how many: `stepsAtOnce`, or the rest. */
  #upload({ plan, isStreamed }: ReadyGraph, request: RunRequest, first: number): number {
    const { uniforms, device, rows, stepsAtOnce } = this.#parts;
    const { batchSize } = request;
    const count = Math.min(stepsAtOnce, stepCount(request) - first);
    const which = { first, count, scalars: plan.scalars };
    uniforms.write(device.queue, request, which, (slot) => (isStreamed ? 0 : slot * batchSize));
    if (isStreamed) return count;
    const own = request.rows.subarray(first * batchSize, (first + count) * batchSize);
    writePiece(device.queue, rows.gpu, 0, own, 0, own.byteLength);
    return count;
  }

  /** Submits steps at once; resolves when they are done. */
  #submitGroup(
    graph: ReadyGraph,
    request: RunRequest,
    first: number,
    count: number,
  ): Promise<void> {
    const { device, health, batches, columns, uniforms, stepsAtOnce } = this.#parts;
    const { batchSize, rows } = request;
    device.pushErrorScope("validation");
    device.pushErrorScope("out-of-memory");
    for (let step = first; step < first + count; step++) {
      const turn = step % graph.turns.length;
      if (graph.isStreamed) {
        const batch = rows.subarray(step * batchSize, (step + 1) * batchSize);
        batches.fill(graph.plan.columns, turn, columns, batch);
      }
      const offset = (step % stepsAtOnce) * uniforms.stride;
      device.queue.submit([this.#encode(graph, graph.turns[turn]!, offset)]);
    }
    const errors = [device.popErrorScope(), device.popErrorScope()];
    return this.#settle(graph, health.guard(device.queue.onSubmittedWorkDone()), errors);
  }

  async #settle(
    graph: ReadyGraph,
    done: Promise<unknown>,
    scopes: readonly Promise<GPUError | null>[],
  ): Promise<void> {
    const { health } = this.#parts;
    const [, errors] = await Promise.all([done, health.guard(Promise.all(scopes))]);
    const error = errors.find((found) => found !== null);
    if (error) throw await this.#failure(graph, error);
  }

  #encode(
    { plan, dispatches, order, pipelines }: ReadyGraph,
    groups: readonly GPUBindGroup[],
    offset: number,
  ): GPUCommandBuffer {
    const encoder = this.#parts.device.createCommandEncoder({ label: plan.name });
    const pass = encoder.beginComputePass();
    const offsets = this.#offsets.fill(0);
    offsets[0] = offset;
    pass.setBindGroup(0, this.#stepGroup, offsets);
    const dispatch = (index: number): void => {
      const { workgroups } = dispatches[index]!;
      pass.setPipeline(pipelines[index]!);
      pass.setBindGroup(1, groups[index]!);
      pass.dispatchWorkgroups(workgroups[0], workgroups[1]);
    };
    runInOrder(order, dispatch, (depth, iteration) => {
      offsets[1 + depth] = iteration * iterationStride;
      pass.setBindGroup(0, this.#stepGroup, offsets);
    });
    pass.end();
    return encoder.finish();
  }

  /** An error of the graph, with the kernel's name if one is at fault: each is encoded by itself to find it. */
  async #failure(graph: ReadyGraph, error: GPUError): Promise<DeviceError> {
    const { device, health, program } = this.#parts;
    const { plan, dispatches, pipelines, turns } = graph;
    const found = dispatches.map((dispatch, index) => {
      const own = { ...graph, dispatches: [dispatch], order: [0], pipelines: [pipelines[index]!] };
      device.pushErrorScope("validation");
      this.#encode(own, [turns[0]![index]!], 0);
      return device.popErrorScope();
    });
    const errors = await health.guard(Promise.all(found));
    const faulty = errors.findIndex((own) => own !== null);
    const kernel = program.kernels[dispatches[faulty]?.kernel ?? -1];
    const where = kernel === undefined ? "" : ` in kernel ${kernel.name}`;
    return new DeviceError(
      `the graph ${plan.name} cannot run on the graphics processor${where}: ${error.message}`,
      { cause: error },
    );
  }
}
