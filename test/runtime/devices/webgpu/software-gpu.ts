/**
 * A graphics processor for tests of the device. Tests that need one are skipped where there is none, except in CI, where
 * that is a mistake.
 */

import type { OpenedGpu } from "../../../../runtime/devices/webgpu/adapter.ts";
import { openGpu } from "../../../../runtime/devices/webgpu/node-gpu.ts";
import { softwareOptions, useSoftwareDriver } from "../../../software-driver.ts";

useSoftwareDriver();

/** What a process with an environment of its own needs in it to find the graphics processor. */
export function softwareGpuEnvironment(): Readonly<Record<string, string>> {
  const names = ["XDG_RUNTIME_DIR", "VK_ICD_FILENAMES", "VK_DRIVER_FILES"];
  const values = names.map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(
    values.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

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
