/**
 * A graphics processor for tests of the device. Tests that need one are skipped where there is none, except in CI, where
 * that is a mistake.
 */

import type { OpenedGpu } from "../../../../runtime/devices/webgpu/adapter.ts";
import { openGpu } from "../../../../runtime/devices/webgpu/node-gpu.ts";
import { softwareOptions, useSoftwareDriver } from "../../../software-driver.ts";

useSoftwareDriver();

/** Whether tests that need a graphics processor can run. */
export const hasGpu =
  process.env.CI !== undefined ||
  (await openGpu().then(
    () => true,
    () => false,
  ));

/** Ends the name of a test that needs a graphics processor, so that a skipped one says why. */
export const needsGpu = "(needs a WebGPU adapter: apt-get install chromium)";

/** An adapter is good for one device. */
export function openSoftwareGpu(): Promise<OpenedGpu> {
  return openGpu({ dawn: softwareOptions });
}
