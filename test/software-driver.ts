/**
 * A Vulkan driver for tests: the one of the environment, else SwiftShader, which computes on the processor, as Debian's
 * package `chromium` brings it.
 */

import { existsSync } from "node:fs";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** To be called before Dawn looks for adapters, when Vulkan's loader reads the environment. */
export function useSoftwareDriver(): void {
  process.env.XDG_RUNTIME_DIR ??= "/tmp";
  const isChosen = (process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES) !== undefined;
  if (!isChosen && existsSync(swiftShader)) process.env.VK_ICD_FILENAMES = swiftShader;
}
