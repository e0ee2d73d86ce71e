/**
 * A Vulkan driver for tests: the one of the environment, else SwiftShader, which computes on the processor, as Debian's
 * package `chromium` brings it.
 */

import { existsSync } from "node:fs";
import "./patient-dawn.mjs";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Of Dawn. Leaves shared memory as it is, which kernels write before they read: SwiftShader takes a second or more to
 * compile the clearing of 16 KiB, element by element.
 */
export const softwareOptions: readonly string[] = ["enable-dawn-features=disable_workgroup_init"];

const patience = `--import=${new URL("patient-dawn.mjs", import.meta.url).href}`;

/**
 * To be called before Dawn looks for adapters, when Vulkan's loader reads the environment. Processes that this one
 * starts get all of it.
 */
export function useSoftwareDriver(): void {
  const options = process.env.NODE_OPTIONS ?? "";
  if (!options.includes(patience)) process.env.NODE_OPTIONS = `${options} ${patience}`.trim();
  process.env.XDG_RUNTIME_DIR ??= "/tmp";
  const isChosen = (process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES) !== undefined;
  if (!isChosen && existsSync(swiftShader)) process.env.VK_ICD_FILENAMES = swiftShader;
}
