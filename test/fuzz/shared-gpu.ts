/**
 * One device behind many: what `requestDevice` gives looks like a device of its own, but kernels of the same text are
 * compiled once for all of them. Software takes longer to compile a kernel than to run it, and random programs have
 * most of their kernels in common: with themselves unfused, or without subgroups.
 */

import type { OpenedGpu } from "../../runtime/devices/webgpu/adapter.ts";
import { openSoftwareGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { type Call, intercept } from "../runtime/devices/webgpu/watched-gpu.ts";

export class SharedGpu {
  readonly #opened: OpenedGpu;
  readonly #device: GPUDevice;
  /** What is made once only, by method and what it was made of. */
  readonly #made = new Map<string, unknown>();
  readonly #identities = new Map<unknown, number>();

  private constructor(opened: OpenedGpu, device: GPUDevice) {
    this.#opened = opened;
    this.#device = device;
  }

  static async open(): Promise<SharedGpu> {
    const opened = await openSoftwareGpu();
    const { adapter } = opened;
    const requiredFeatures = (["subgroups"] as const).filter((name) => adapter.features.has(name));
    return new SharedGpu(opened, await adapter.requestDevice({ requiredFeatures }));
  }

  /** An adapter for one more device, which ends without the others. */
  opened(): OpenedGpu {
    const { gpu, adapter } = this.#opened;
    const own = intercept(adapter, (name, call) =>
      name === "requestDevice" ? async () => this.#share() : call,
    );
    return { gpu, adapter: own };
  }

  dispose(): void {
    this.#device.destroy();
  }

  #share(): GPUDevice {
    const buffers: GPUBuffer[] = [];
    return intercept(this.#device, (name, call) => {
      switch (name) {
        case "createBuffer":
          return (descriptor) => {
            const buffer = call(descriptor) as GPUBuffer;
            buffers.push(buffer);
            return buffer;
          };
        case "createShaderModule":
        case "createBindGroupLayout":
        case "createPipelineLayout":
        case "createComputePipelineAsync":
          return (descriptor) => this.#once(name, descriptor, call);
        case "destroy":
          return () => {
            for (const buffer of buffers) buffer.destroy();
          };
        default:
          return call;
      }
    });
  }

  #once(method: string, descriptor: unknown, call: Call): unknown {
    const key = `${method} ${JSON.stringify(descriptor, (name, value) => this.#keyOf(name, value))}`;
    if (!this.#made.has(key)) this.#made.set(key, call(descriptor));
    return this.#made.get(key);
  }

  /** Objects of the device by number; labels and what kernels are said to compute make no difference. */
  #keyOf(name: string, value: unknown): unknown {
    if (name === "label") return undefined;
    if (typeof value === "string") return value.replace(/^\/\/.*\n/gm, "");
    const isPlain =
      typeof value !== "object" ||
      value === null ||
      Array.isArray(value) ||
      Object.getPrototypeOf(value) === Object.prototype;
    if (isPlain) return value;
    const number = this.#identities.get(value) ?? this.#identities.size;
    this.#identities.set(value, number);
    return number;
  }
}
