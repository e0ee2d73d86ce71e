/**
 * What an adapter can do at most: multiply-adds on tiles that stay in registers, nothing read or written in between.
 * Compilers and processors differ in what suits them, so several tiles are tried and the fastest counts.
 */

const workgroups = 4096;
const threads = 64;
/** Long enough to drown the launch, short enough for drivers that stop kernels that take long. */
const enoughSeconds = 0.08;
const repeats = 3;

interface Variant {
  /** Vectors of four that a thread holds. */
  readonly vectors: number;
  readonly expression: (sum: string) => string;
}

const variants: readonly Variant[] = [2, 4, 8].flatMap((vectors) => [
  { vectors, expression: (sum) => `fma(${sum}, x, y)` },
  { vectors, expression: (sum) => `${sum} * x + y` },
]);

function shader({ vectors, expression }: Variant): string {
  const sums = Array.from({ length: vectors }, (_, i) => `sum${i}`);
  return `
@group(0) @binding(0) var<storage, read_write> data: array<vec4f>;
@group(0) @binding(1) var<uniform> rounds: vec4u;

@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = data[0];
  let y = data[1];
${sums.map((sum, i) => `  var ${sum} = vec4f(f32(id.x) + ${i}.0);`).join("\n")}
  for (var i = 0u; i < rounds.x; i++) {
${sums.map((sum) => `    ${sum} = ${expression(sum)};`).join("\n")}
  }
  let total = ${sums.join(" + ")};
  // Never so, but the compiler cannot know: nothing is written, and nothing is left out.
  if (all(total == vec4f(-1.0))) { data[2] = total; }
}
`;
}

/** GFLOP/s. */
export async function measurePeak(adapter: GPUAdapter): Promise<number> {
  const device = await adapter.requestDevice();
  let best = 0;
  for (const variant of variants) best = Math.max(best, await measure(device, variant));
  device.destroy();
  return best;
}

async function measure(device: GPUDevice, variant: Variant): Promise<number> {
  const layout = device.createBindGroupLayout({
    entries: [
      { binding: 0, visibility: 4, buffer: { type: "storage" } },
      { binding: 1, visibility: 4, buffer: { type: "uniform" } },
    ],
  });
  const pipeline = await device.createComputePipelineAsync({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: {
      module: device.createShaderModule({ code: shader(variant) }),
      entryPoint: "main",
    },
  });
  const { STORAGE, UNIFORM, COPY_DST } = bufferUsage;
  const data = device.createBuffer({ size: 64, usage: STORAGE | COPY_DST });
  const rounds = device.createBuffer({ size: 16, usage: UNIFORM | COPY_DST });
  // Sums stay finite: they approach y / (1 − x).
  device.queue.writeBuffer(
    data,
    0,
    Float32Array.from({ length: 8 }, (_, i) => (i < 4 ? 0.5 : 1)),
  );
  const group = device.createBindGroup({
    layout,
    entries: [
      { binding: 0, resource: { buffer: data } },
      { binding: 1, resource: { buffer: rounds } },
    ],
  });
  const seconds = async (count: number): Promise<number> => {
    device.queue.writeBuffer(rounds, 0, Uint32Array.of(count, 0, 0, 0));
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(workgroups);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000;
  };
  await seconds(1);
  let count = 16;
  let best = await seconds(count);
  while (best < enoughSeconds) {
    count *= Math.max(2, Math.min(16, Math.floor(enoughSeconds / best)));
    best = await seconds(count);
  }
  for (let i = 1; i < repeats; i++) best = Math.min(best, await seconds(count));
  return (workgroups * threads * variant.vectors * 4 * 2 * count) / best / 1e9;
}

/** `GPUBufferUsage`, which is no global in Node. */
const bufferUsage = { COPY_DST: 0x08, UNIFORM: 0x40, STORAGE: 0x80 } as const;
