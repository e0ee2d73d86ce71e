/** What adapters are called, and what people without one are told. */

import { describe, expect, test } from "vitest";
import { DeviceError } from "../../../../runtime/devices/device.ts";
import { describeAdapter } from "../../../../runtime/devices/webgpu/adapter.ts";
import { openGpu } from "../../../../runtime/devices/webgpu/browser-gpu.ts";

function info(told: Partial<GPUAdapterInfo>): Pick<GPUAdapter, "info"> {
  const nothing = { vendor: "", architecture: "", device: "", description: "" };
  return { info: { ...nothing, isFallbackAdapter: false, ...told } as GPUAdapterInfo };
}

describe("an adapter is described", () => {
  test.each([
    ["NVIDIA H200", { vendor: "nvidia", architecture: "hopper", device: "nvidia-h200" }],
    ["NVIDIA Hopper", { vendor: "nvidia", architecture: "hopper", device: "0x2335" }],
    ["Apple M1 Max", { vendor: "apple", architecture: "metal-3", device: "apple-m1-max" }],
    ["Intel Gen 12lp", { vendor: "intel", architecture: "gen-12lp" }],
    ["some driver 1.0", { description: "some driver 1.0" }],
    ["an unnamed adapter", {}],
  ])("%s", (name, told) => {
    expect(describeAdapter(info(told))).toEqual({ name, software: false });
  });

  test.each([
    ["SwiftShader", { vendor: "google", architecture: "swiftshader" }],
    ["SwiftShader", { device: "swiftshader-device-subzero-", description: "driver 5.0.0" }],
    ["llvmpipe", { vendor: "mesa", device: "llvmpipe-llvm-15-0-6-256-bits-" }],
    ["Microsoft Basic Render Driver", { device: "microsoft-basic-render-driver" }],
    ["Microsoft Basic Render Driver", { description: "Microsoft Basic Render Driver" }],
    ["Acme", { vendor: "acme", isFallbackAdapter: true }],
  ])("%s as software", (name, told) => {
    expect(describeAdapter(info(told))).toEqual({ name, software: true });
  });
});

describe("a browser", () => {
  const offering = (adapter: GPUAdapter | null) => ({ requestAdapter: async () => adapter }) as GPU;

  test("gives its adapter", async () => {
    const gpu = offering(info({}) as GPUAdapter);
    expect((await openGpu({}, { navigator: { gpu } })).gpu).toBe(gpu);
  });

  test.each([
    ["without WebGPU", { navigator: {}, isSecureContext: true }, /has no WebGPU\. Chrome and Edge/],
    ["on a page that is not secure", { navigator: {}, isSecureContext: false }, /https:\/\//],
    [
      "without an adapter",
      { navigator: { gpu: offering(null) }, isSecureContext: true },
      /hardware acceleration/,
    ],
  ])("%s says what to do", async (_, scope, message) => {
    const opened = openGpu({}, scope);
    await expect(opened).rejects.toThrow(DeviceError);
    await expect(opened).rejects.toThrow(message);
  });
});
