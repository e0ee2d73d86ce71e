/** Bind groups of a graph's dispatches: made when buffers come together for the first time, then kept. */

import type { DeviceBuffer } from "./buffers.ts";
import type { Pipelines } from "./pipelines.ts";
import type { WgslBinding, WgslDispatch, WgslProgram } from "./wgsl-program.ts";

export type ArenaName = "persistent" | "temporaries" | "results";

/** The buffers that a step works on, besides the arenas. */
export interface StepBuffers {
  readonly rows: DeviceBuffer;
  readonly column: (slot: number) => DeviceBuffer;
}

/** Combinations of columns kept for a graph; more come up only where every call brings new data. */
const keptCombinations = 16;

export class BindGroups {
  readonly #device: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #program: WgslProgram;
  readonly #arenas: Readonly<Record<ArenaName, DeviceBuffer>>;
  /** Of dispatches that only arenas are bound to. */
  readonly #fixed = new Map<WgslDispatch, GPUBindGroup>();
  /** By graph and by the identities of rows and columns: groups in order of the dispatches. */
  readonly #combinations = new Map<string, Map<string, readonly GPUBindGroup[]>>();

  constructor(
    device: GPUDevice,
    pipelines: Pipelines,
    program: WgslProgram,
    arenas: Readonly<Record<ArenaName, DeviceBuffer>>,
  ) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#program = program;
    this.#arenas = arenas;
  }

  /** Bind group 1 of every dispatch of the graph, which reads the columns of `slots`. */
  of(graph: string, slots: readonly number[], buffers: StepBuffers): readonly GPUBindGroup[] {
    const key = [buffers.rows, ...slots.map(buffers.column)].map(({ id }) => id).join();
    const kept = this.#combinations.get(graph) ?? new Map<string, readonly GPUBindGroup[]>();
    this.#combinations.set(graph, kept);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const dispatches = this.#program.graphs[graph] ?? [];
    const groups = dispatches.map((dispatch) => this.#group(dispatch, buffers));
    if (kept.size >= keptCombinations) kept.delete(kept.keys().next().value!);
    kept.set(key, groups);
    return groups;
  }

  #group(dispatch: WgslDispatch, buffers: StepBuffers): GPUBindGroup {
    const known = this.#fixed.get(dispatch);
    if (known !== undefined) return known;
    const kernel = this.#program.kernels[dispatch.kernel]!;
    const group = this.#device.createBindGroup({
      label: kernel.name,
      layout: this.#pipelines.layout(kernel),
      entries: dispatch.bindings.map((binding, index) => ({
        binding: index,
        resource: this.#resource(binding, buffers),
      })),
    });
    const isFixed = dispatch.bindings.every(({ kind }) => kind === "arena");
    if (isFixed) this.#fixed.set(dispatch, group);
    return group;
  }

  #resource(binding: WgslBinding, { rows, column }: StepBuffers): GPUBufferBinding {
    switch (binding.kind) {
      case "arena": {
        const { arena, offset, size } = binding;
        return { buffer: this.#arenas[arena].gpu, offset, size };
      }
      case "column":
        return { buffer: column(binding.slot).gpu };
      case "rows":
        return { buffer: rows.gpu };
    }
  }
}
