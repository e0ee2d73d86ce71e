/// <reference types="@webgpu/types" />
/**
 * Dawn, the WebGPU of Chromium, through the npm package `webgpu`: on SwiftShader, which computes on the processor, and
 * on a backend that validates everything and computes nothing.
 */

import { wgslModule } from "../runtime/devices/webgpu/wgsl-module.ts";
import type { WgslFeature, WgslProgram } from "../runtime/devices/webgpu/wgsl-program.ts";
import { softwareOptions, useSoftwareDriver } from "./software-driver.ts";

export interface DawnOptions {
  /** Those that the device is to have, as far as the adapter does. */
  readonly features?: readonly WgslFeature[];
  readonly limits?: Readonly<Record<string, number>>;
}

export interface OpenedDevice {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly device: GPUDevice;
  /** To be called at the end: a device that is left open keeps the process from ending. */
  close(): void;
}

/** Objects in use: one that is collected while a device of it lives takes the process with it. */
const held = new Set<GPU>();

async function open(
  toggles: readonly string[],
  { features = ["subgroups", "shader-f16"], limits = {} }: DawnOptions,
): Promise<OpenedDevice | null> {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  const gpu = create([...toggles]);
  held.add(gpu);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) {
    held.delete(gpu);
    return null;
  }
  const requiredFeatures = features.filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits: { ...limits } });
  const close = (): void => {
    device.destroy();
    held.delete(gpu);
  };
  return { gpu, adapter, device, close };
}

/**
 * A device of SwiftShader, or null where there is none and `process.env.CI` is not set.
 * @throws Error in continuous integration, which must not skip tests.
 */
export async function openDawn(options: DawnOptions = {}): Promise<OpenedDevice | null> {
  useSoftwareDriver();
  const opened = await open(softwareOptions, options).catch(() => null);
  if (opened === null && process.env.CI !== undefined) throw new Error(missing);
  return opened;
}

/** Why a test that needs `openDawn` is skipped. */
export const missing =
  "no WebGPU adapter: install the npm package webgpu and SwiftShader (Debian: apt-get install chromium)";

export interface NullDevice extends OpenedDevice {
  /**
   * Compiles every kernel of a program, with and without what it does on devices with subgroups.
   * @returns What the compiler says, warnings too; nothing if all is well.
   */
  validateWgsl(program: WgslProgram): Promise<string[]>;
}

/** A device that has all features and runs nothing. */
export async function openNullDevice(options: DawnOptions = {}): Promise<NullDevice> {
  const opened = await open(["backend=null"], options);
  if (opened === null) throw new Error("Dawn has no null backend");
  return { ...opened, validateWgsl: (program) => validate(opened.device, program) };
}

async function validate(device: GPUDevice, program: WgslProgram): Promise<string[]> {
  const found: string[] = [];
  for (const kernel of program.kernels) {
    for (const features of [[], ["subgroups"]]) {
      if (features.length > 0 && kernel.withSubgroups === undefined) continue;
      const code = wgslModule(program, kernel, new Set(features));
      const messages = await compile(device, code, kernel.readOnly, program.loops?.depth);
      found.push(...messages.map((message) => `${kernel.name}: ${message}\n${code}`));
    }
  }
  return found;
}

async function compile(
  device: GPUDevice,
  code: string,
  readOnly: readonly boolean[],
  loops = 0,
): Promise<string[]> {
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const said = messages.map(
    ({ type, lineNum, message }) => `${type} in line ${lineNum}: ${message}`,
  );
  if (messages.some(({ type }) => type === "error")) return said;
  try {
    await device.createComputePipelineAsync({
      layout: pipelineLayout(device, readOnly, loops),
      compute: { module, entryPoint: "main" },
    });
  } catch (error) {
    said.push(error instanceof Error ? error.message : String(error));
  }
  return said;
}

/** The layout that `wgsl-program.ts` describes, of programs with loops so deep. */
export function pipelineLayout(
  device: GPUDevice,
  readOnly: readonly boolean[],
  loops = 0,
): GPUPipelineLayout {
  const visibility = 4;
  const step = device.createBindGroupLayout({
    entries: Array.from({ length: 1 + loops }, (_, binding) => ({
      binding,
      visibility,
      buffer: { type: "uniform", hasDynamicOffset: true },
    })),
  });
  const memory = device.createBindGroupLayout({
    entries: readOnly.map((isReadOnly, binding) => ({
      binding,
      visibility,
      buffer: { type: isReadOnly ? "read-only-storage" : "storage" },
    })),
  });
  return device.createPipelineLayout({ bindGroupLayouts: [step, memory] });
}
