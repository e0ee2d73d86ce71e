/** A graphics processor that is watched: what is made on it and sent to it, and its device, for tests to destroy. */

import type { OpenedGpu } from "../../../../runtime/devices/webgpu/adapter.ts";
import { openSoftwareGpu } from "./software-gpu.ts";

export interface WatchedGpu extends OpenedGpu {
  /** Calls of `createBuffer`, `createBindGroup` and the like, without encoders, which every step needs. */
  readonly created: string[];
  /** Labels of the buffers written to. */
  readonly written: string[];
  /** Once it was requested. */
  device: GPUDevice | undefined;
}

export async function openWatchedGpu(): Promise<WatchedGpu> {
  const { gpu, adapter } = await openSoftwareGpu();
  const created: string[] = [];
  const written: string[] = [];
  const watched: WatchedGpu = { gpu, adapter: watch(adapter), created, written, device: undefined };
  return watched;

  function watch(target: GPUAdapter): GPUAdapter {
    return intercept(target, (name, call) => {
      if (name !== "requestDevice") return call;
      return async (...arguments_) => {
        const device = (await call(...arguments_)) as GPUDevice;
        watched.device = device;
        return watchDevice(device);
      };
    });
  }

  function watchDevice(device: GPUDevice): GPUDevice {
    const queue = intercept(device.queue, (name, call) => (...arguments_) => {
      if (name === "writeBuffer") written.push((arguments_[0] as GPUBuffer).label);
      return call(...arguments_);
    });
    return intercept(
      device,
      (name, call) =>
        (...arguments_) => {
          if (name.startsWith("create") && name !== "createCommandEncoder") created.push(name);
          return call(...arguments_);
        },
      { queue },
    );
  }
}

export type Call = (...arguments_: readonly unknown[]) => unknown;

/** The object with every method replaced by what `replace` makes of it, and these properties. */
export function intercept<T extends object>(
  target: T,
  replace: (name: string, call: Call) => Call,
  properties: Partial<T> = {},
): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(properties, name)) return Reflect.get(properties, name);
      // Native objects know their methods' `this` by identity, so the proxy must not be it.
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name !== "string") return value;
      return replace(name, (...arguments_) => Reflect.apply(value, target, arguments_));
    },
  });
}
