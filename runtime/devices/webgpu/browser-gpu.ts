/** WebGPU in browsers, their workers included. */

import { DeviceError } from "../device.ts";
import type { OpenedGpu } from "./adapter.ts";

/** What is asked of the global object, a page's or a worker's. */
interface BrowserScope {
  readonly navigator?: { readonly gpu?: GPU };
  readonly isSecureContext?: boolean;
}

const whichBrowsers =
  "Chrome and Edge have it from version 113 on (on Android from 121), Safari from 26, Firefox from 141 on Windows " +
  "and from 145 on macOS; on Linux it may have to be switched on, in Chrome with chrome://flags/#enable-unsafe-webgpu";

/**
 * The graphics processor that the browser offers.
 * @throws DeviceError if it offers none; the message says what to do.
 */
export async function openGpu(
  {
    powerPreference = "high-performance",
  }: { readonly powerPreference?: GPUPowerPreference | undefined } = {},
  scope: BrowserScope = globalThis as BrowserScope,
): Promise<OpenedGpu> {
  const gpu = scope.navigator?.gpu;
  if (gpu === undefined) {
    throw new DeviceError(
      scope.isSecureContext === false
        ? "browsers offer WebGPU to secure pages only: open this one by https:// or from http://localhost"
        : `this browser has no WebGPU. ${whichBrowsers}`,
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter !== null) return { gpu, adapter };
  throw new DeviceError(
    "this browser has WebGPU, but offers no graphics processor for it: turn on hardware acceleration in its " +
      `settings, or update the graphics driver. ${whichBrowsers}`,
  );
}
