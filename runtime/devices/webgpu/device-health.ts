/**
 * Whether a WebGPU device still works. It can be lost at any time, errors can be reported long after the call that
 * made them, and promises of a device that is gone may never settle: everything that waits goes through here.
 */

import { DeviceError, DeviceLostError } from "../device.ts";

export class DeviceHealth {
  /** Resolves with the reason if the device is lost; never, if it is disposed of first. */
  readonly lost: Promise<string>;
  /** Why nothing can be asked any more. */
  #end: DeviceError | undefined;
  #uncaptured: DeviceError | undefined;
  readonly #waiting = new Set<(error: DeviceError) => void>();

  constructor(device: GPUDevice) {
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ message, reason }) => {
        if (this.#end !== undefined) return;
        const why = message.trim() || reason;
        this.#finish(new DeviceLostError(`the graphics processor was lost: ${why}`));
        resolve(why);
      });
    });
    device.addEventListener("uncapturederror", (event) => {
      const { error } = event;
      // Not printed as well.
      event.preventDefault();
      this.#uncaptured ??= new DeviceError(`the graphics processor reports: ${error.message}`);
    });
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Throws what is known to be wrong; an error that no call could be blamed for is thrown once. */
  check(): void {
    if (this.#end !== undefined) throw this.#end;
    const error = this.#uncaptured;
    this.#uncaptured = undefined;
    if (error !== undefined) throw error;
  }

  /** The promise, or an error as soon as the device is lost or disposed of. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) reject(this.#end);
      else this.#waiting.add(reject);
      promise.then(
        (value) => {
          this.#waiting.delete(reject);
          resolve(value);
        },
        // A call that fails because the device is going fails a moment before that is known.
        (error: unknown) => {
          setTimeout(() => {
            this.#waiting.delete(reject);
            reject(error);
          });
        },
      );
    });
  }

  /** From here on all calls fail, those that wait included. */
  dispose(): void {
    this.#finish(new DeviceError("the device was disposed of"));
  }

  #finish(error: DeviceError): void {
    this.#end ??= error;
    for (const reject of this.#waiting) reject(this.#end);
    this.#waiting.clear();
  }
}
