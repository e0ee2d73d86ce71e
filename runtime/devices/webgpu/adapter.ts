/** Which graphics processor an adapter stands for, and a device of it with what a model needs. */

import { messageOf } from "../../data/data-error.ts";
import { DeviceError } from "../device.ts";
import type { WgslFeature, WgslProgram } from "./wgsl-program.ts";

/** What the functions that find a graphics processor give, in Node as in browsers. */
export interface OpenedGpu {
  /** To be kept for as long as a device of the adapter is in use. */
  readonly gpu: GPU;
  /** Good for one device. */
  readonly adapter: GPUAdapter;
}

export interface AdapterDescription {
  /** `NVIDIA H200`; browsers often tell no more than `NVIDIA Hopper`. */
  readonly name: string;
  /** The processor computes, not a graphics processor: slower than kernels made for it. */
  readonly software: boolean;
}

const softwareAdapters: Readonly<Record<string, RegExp>> = {
  SwiftShader: /swiftshader/i,
  llvmpipe: /llvmpipe|lavapipe/i,
  "Microsoft Basic Render Driver": /microsoft.basic.render/i,
};

const acronyms = new Set(["nvidia", "amd", "rtx", "gtx", "rx"]);

export function describeAdapter({ info }: Pick<GPUAdapter, "info">): AdapterDescription {
  const { vendor, architecture, device, description } = info;
  const told = [vendor, architecture, device, description].join(" ");
  for (const [name, pattern] of Object.entries(softwareAdapters)) {
    if (pattern.test(told)) return { name, software: true };
  }
  // Identifiers are words joined by hyphens, or a number that says nothing.
  const named = /^0x|^$/.test(device) ? `${vendor}-${architecture}` : device;
  const words = named.split(/[-\s]+/).filter((word) => word !== "");
  const name = words.map(capitalized).join(" ") || description || "an unnamed adapter";
  return { name, software: info.isFallbackAdapter === true };
}

function capitalized(word: string): string {
  if (acronyms.has(word) || /^[a-z]+\d/.test(word)) return word.toUpperCase();
  return word.charAt(0).toUpperCase() + word.slice(1);
}

const limitNames = ["maxBufferSize", "maxStorageBufferBindingSize"] as const;
const features = ["subgroups", "shader-f16"] as const satisfies readonly WgslFeature[];

/** @throws DeviceError if the adapter has less than the program needs, or gives no device. */
export async function requestDevice(
  adapter: GPUAdapter,
  { model, program }: { readonly model: string; readonly program: WgslProgram },
): Promise<GPUDevice> {
  const { name } = describeAdapter(adapter);
  const needed = features.filter((feature) => needs(program, feature));
  const missing = needed.filter((feature) => !adapter.features.has(feature));
  if (missing.length > 0) {
    const otherwise = missing.includes("shader-f16") ? "build it with --precision f32, or " : "";
    throw new DeviceError(
      `the kernels of ${model} need ${missing.join(" and ")}, which ${name} does not have: ` +
        `${otherwise}run the model on another device`,
    );
  }
  const wanted = features.filter(
    (feature) =>
      adapter.features.has(feature) && (needs(program, feature) || uses(program, feature)),
  );
  try {
    return await adapter.requestDevice({
      label: model,
      requiredFeatures: wanted,
      requiredLimits: requiredLimits(adapter, model, program),
    });
  } catch (error) {
    if (error instanceof DeviceError) throw error;
    throw new DeviceError(`${name} gives no device for ${model}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function needs({ kernels }: WgslProgram, feature: WgslFeature): boolean {
  return kernels.some(({ requires }) => requires.includes(feature));
}

/** Would use it if it is there. */
function uses({ kernels }: WgslProgram, feature: WgslFeature): boolean {
  return feature === "subgroups" && kernels.some((kernel) => kernel.withSubgroups !== undefined);
}

/** Limits above those that every device has, as far as the program needs them. */
function requiredLimits(
  adapter: GPUAdapter,
  model: string,
  { limits }: WgslProgram,
): Record<string, number> {
  const required: Record<string, number> = {};
  for (const name of limitNames) {
    const bytes = limits[name];
    if (bytes === undefined) continue;
    if (bytes > adapter.limits[name]) {
      throw new DeviceError(
        `${model} needs ${inMebibytes(bytes)} in one ${limitNouns[name]}, but ` +
          `${describeAdapter(adapter).name} has ${inMebibytes(adapter.limits[name])}: ` +
          "build it with a smaller batch, or run it on another device",
      );
    }
    required[name] = bytes;
  }
  return required;
}

const limitNouns: Readonly<Record<(typeof limitNames)[number], string>> = {
  maxBufferSize: "buffer",
  maxStorageBufferBindingSize: "binding of a buffer",
};

export function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
