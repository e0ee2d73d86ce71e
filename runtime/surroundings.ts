/** Where a trainer for WebGPU runs, in a browser or in Node, and what that has for it. */

import type { OpenedGpu } from "./devices/webgpu/adapter.ts";
import { openGpu } from "./devices/webgpu/browser-gpu.ts";
import { nodeProcess } from "./in-node.ts";
import { type FileStorage, noStorage } from "./storage/file-storage.ts";
import { hasOriginStorage, originStorage } from "./storage/origin-storage.ts";

export interface Surroundings {
  readonly openGpu: (options: {
    readonly powerPreference?: "low-power" | "high-performance";
  }) => Promise<OpenedGpu>;
  readonly storage: FileStorage;
}

/** `url` is that of the trainer: what only Node has lies beside it. */
export async function findSurroundings(url: string): Promise<Surroundings> {
  const { navigator } = globalThis as { readonly navigator?: { readonly gpu?: unknown } };
  if (nodeProcess() !== undefined && navigator?.gpu === undefined) {
    const node = await importNode(url);
    return { openGpu: node.openGpu, storage: node.nodeStorage };
  }
  return { openGpu, storage: hasOriginStorage() ? originStorage() : noStorage };
}

/** Whether Node was started with the module of this URL. */
export async function isMain(url: string): Promise<boolean> {
  const script = nodeProcess()?.argv[1];
  if (script === undefined || !url.startsWith("file:")) return false;
  const { realpathSync } = await importLater<typeof import("node:fs")>("node:fs");
  try {
    return realpathSync(script) === realpathSync(new URL(url));
  } catch {
    return false;
  }
}

export function importNode(url: string): Promise<typeof import("./node.ts")> {
  return importLater(new URL("node.js", url).href);
}

/** Not known before the call, so that who bundles a trainer for a page is not asked for what only Node has. */
function importLater<Module>(specifier: string): Promise<Module> {
  return import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
}
