/** Goes on when a device is lost: drivers are reset and updated, laptops change their graphics processor. */

import { setTimeout } from "node:timers/promises";
import { type Device, DeviceError, DeviceLostError } from "../../devices/device.ts";

export interface ReopenOptions {
  readonly open: () => Promise<Device>;
  /** Grows when an attempt has got on, so that the next one begins further on. */
  readonly progress: () => number;
  /** Before another device is opened. */
  readonly onLoss: (error: DeviceLostError) => void;
}

/** So often a device may be lost without progress in between. */
const maximalLosses = 3;

/**
 * Runs `attempt` on a device, and again on another whenever it loses its own.
 * @throws DeviceError if that happens again and again.
 */
export async function reopenWhenLost<T>(
  { open, progress, onLoss }: ReopenOptions,
  attempt: (device: Device) => Promise<T>,
): Promise<T> {
  for (let losses = 0; ; ) {
    const before = progress();
    const device = await open();
    try {
      return await attempt(device);
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      losses = progress() > before ? 1 : losses + 1;
      if (losses > maximalLosses) {
        throw new DeviceError(
          `${error.message}, ${losses} times in a row: update its driver, or use another device`,
          { cause: error },
        );
      }
      onLoss(error);
      // A driver that is being reset may take a moment.
      await setTimeout(1000 * (losses - 1));
    } finally {
      device.dispose();
    }
  }
}
