import { expect, test } from "vitest";
import { DispatchClock } from "../../../bench/webgpu/dispatch-clock.ts";
import { openDawn } from "../../dawn.ts";

const code = `
@group(0) @binding(0) var<storage, read_write> data: array<u32>;
@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3u) { data[id.x] = 2 * data[id.x] + 1; }
`;
const computeStage = 4;
const storage = 0x80 | 0x04 | 0x08;
const readable = 0x01 | 0x08;

test("times every dispatch of a pass, and changes nothing that it computes", async (context) => {
  const opened = await openDawn();
  if (opened === null) return context.skip("no software adapter here");
  const clock = new DispatchClock(opened.gpu);
  const adapter = await clock.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const layout = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: computeStage, buffer: { type: "storage" } }],
  });
  const module = device.createShaderModule({ code });
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  const descriptor = { layout: pipelineLayout, compute: { module, entryPoint: "main" } };
  const labelled = await device.createComputePipelineAsync({ ...descriptor, label: "twice" });
  const other = device.createComputePipeline(descriptor);
  const buffer = device.createBuffer({ size: 32, usage: storage });
  const group = device.createBindGroup({
    layout,
    entries: [{ binding: 0, resource: { buffer } }],
  });

  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setBindGroup(0, group);
  pass.setPipeline(labelled);
  pass.dispatchWorkgroups(2);
  pass.setPipeline(other);
  pass.dispatchWorkgroups(1);
  pass.end();
  const copy = device.createBuffer({ size: 32, usage: readable });
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, 32);
  device.queue.submit([encoder.finish()]);

  const timed = await clock.take();
  expect(timed.map(({ kernel, workgroups }) => [kernel, workgroups])).toEqual([
    ["twice", [2, 1, 1]],
    ["kernel 2", [1, 1, 1]],
  ]);
  expect(timed.every(({ seconds }) => seconds >= 0)).toBe(true);
  expect(await clock.take()).toEqual([]);
  await copy.mapAsync(1);
  expect([...new Uint32Array(copy.getMappedRange())]).toEqual([3, 3, 3, 3, 1, 1, 1, 1]);
  device.destroy();
  opened.close();
});
