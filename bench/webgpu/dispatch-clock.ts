/**
 * Times every dispatch of whatever uses a `GPU`, nnc or a peer, by timestamps of the device. Each dispatch gets a pass of
 * its own, as timestamps are taken where passes begin and end; so the sum is more than a step takes otherwise.
 */

export interface TimedDispatch {
  /** The label of the pipeline. */
  readonly kernel: string;
  readonly workgroups: readonly [number, number, number];
  readonly seconds: number;
}

interface Pending {
  readonly dispatches: readonly Omit<TimedDispatch, "seconds">[];
  readonly queries: GPUQuerySet;
  readonly times: GPUBuffer;
}

/** Dispatches of one command buffer that are timed; those beyond run untimed. */
const dispatchesAtMost = 2048;
const resolveUsage = 0x0204; // QUERY_RESOLVE | COPY_SRC
const readUsage = 0x0009; // MAP_READ | COPY_DST
const readMode = 1;

export class DispatchClock {
  /** The `GPU` to use in place of the one that was given. */
  readonly gpu: GPU;
  #pending: Pending[] = [];
  #pipelines = 0;

  constructor(gpu: GPU) {
    this.gpu = override(gpu, {
      requestAdapter: async (options?: GPURequestAdapterOptions) => {
        const adapter = await gpu.requestAdapter(options);
        return adapter === null ? null : this.#watchAdapter(adapter);
      },
    });
  }

  /** What was dispatched since the last call, once it is done, in order of submission. */
  async take(): Promise<TimedDispatch[]> {
    const pending = this.#pending;
    this.#pending = [];
    const timed: TimedDispatch[] = [];
    for (const { dispatches, queries, times } of pending) {
      await times.mapAsync(readMode);
      const nanoseconds = new BigUint64Array(times.getMappedRange());
      for (const [i, dispatch] of dispatches.entries()) {
        const elapsed = nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!;
        timed.push({ ...dispatch, seconds: Number(elapsed) / 1e9 });
      }
      times.destroy();
      queries.destroy();
    }
    return timed;
  }

  #watchAdapter(adapter: GPUAdapter): GPUAdapter {
    if (!adapter.features.has("timestamp-query")) {
      throw new Error("the adapter has no timestamp-query: its kernels cannot be timed");
    }
    return override(adapter, {
      requestDevice: async (descriptor: GPUDeviceDescriptor = {}) => {
        const features = new Set([...(descriptor.requiredFeatures ?? []), "timestamp-query"]);
        const requiredFeatures = [...features] as GPUFeatureName[];
        const device = await adapter.requestDevice({ ...descriptor, requiredFeatures });
        return this.#watchDevice(device);
      },
    });
  }

  #watchDevice(device: GPUDevice): GPUDevice {
    const create = device.createCommandEncoder.bind(device);
    // On the device itself: Dawn takes no stand-in for it as an argument.
    device.createCommandEncoder = (descriptor?: GPUCommandEncoderDescriptor) =>
      this.#watchEncoder(device, create(descriptor ?? {}));
    const makePipeline = device.createComputePipeline.bind(device);
    device.createComputePipeline = (descriptor) => this.#name(makePipeline(descriptor));
    const makePipelineAsync = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = async (descriptor) =>
      this.#name(await makePipelineAsync(descriptor));
    return device;
  }

  /** Pipelines without a label are numbered. */
  #name(pipeline: GPUComputePipeline): GPUComputePipeline {
    this.#pipelines++;
    if (pipeline.label === "") pipeline.label = `kernel ${this.#pipelines}`;
    return pipeline;
  }

  #watchEncoder(device: GPUDevice, encoder: GPUCommandEncoder): GPUCommandEncoder {
    const dispatches: Omit<TimedDispatch, "seconds">[] = [];
    let queries: GPUQuerySet | undefined;
    const beginPass = encoder.beginComputePass.bind(encoder);
    const finish = encoder.finish.bind(encoder);
    const count = dispatchesAtMost * 2;
    const timestampWrites = (dispatch: Omit<TimedDispatch, "seconds">) => {
      if (dispatches.length === dispatchesAtMost) return {};
      queries ??= device.createQuerySet({ type: "timestamp", count });
      const index = 2 * dispatches.push(dispatch) - 2;
      const ends = { beginningOfPassWriteIndex: index, endOfPassWriteIndex: index + 1 };
      return { timestampWrites: { querySet: queries, ...ends } };
    };
    encoder.beginComputePass = () =>
      splitPass((dispatch) => beginPass(timestampWrites(dispatch))) as GPUComputePassEncoder;
    encoder.finish = (descriptor?: GPUCommandBufferDescriptor) => {
      if (queries !== undefined) {
        const size = 16 * dispatches.length;
        const resolved = device.createBuffer({ size, usage: resolveUsage });
        const times = device.createBuffer({ size, usage: readUsage });
        encoder.resolveQuerySet(queries, 0, 2 * dispatches.length, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, times, 0, size);
        this.#pending.push({ dispatches, queries, times });
      }
      return finish(descriptor ?? {});
    };
    return encoder;
  }
}

type SplitPass = Pick<
  GPUComputePassEncoder,
  "setPipeline" | "setBindGroup" | "dispatchWorkgroups" | "end"
>;

/** A pass whose dispatches each get a pass of their own. */
function splitPass(
  begin: (dispatch: Omit<TimedDispatch, "seconds">) => GPUComputePassEncoder,
): SplitPass {
  let pipeline: GPUComputePipeline;
  const groups = new Map<number, Parameters<GPUComputePassEncoder["setBindGroup"]>>();
  return {
    setPipeline(next) {
      pipeline = next;
    },
    // Both forms of it: with dynamic offsets, with a range of them.
    setBindGroup: ((...group: Parameters<GPUComputePassEncoder["setBindGroup"]>) => {
      groups.set(group[0], group);
    }) as GPUComputePassEncoder["setBindGroup"],
    dispatchWorkgroups(x, y = 1, z = 1) {
      const pass = begin({ kernel: pipeline.label, workgroups: [x, y, z] });
      pass.setPipeline(pipeline);
      for (const group of groups.values()) pass.setBindGroup(...group);
      pass.dispatchWorkgroups(x, y, z);
      pass.end();
    },
    end() {},
  };
}

/** The object with some methods replaced; the others are called on the object itself, as native ones demand. */
function override<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(object, name) {
      if (name in methods) return methods[name as keyof T];
      const value: unknown = Reflect.get(object, name, object);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}
