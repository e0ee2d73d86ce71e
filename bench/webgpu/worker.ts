/**
 * One peer of the WebGPU benchmark in a process of its own, or the peak of the adapter. Prints one JSON line.
 *
 *     node dist/bench/webgpu/worker.js tfjs mlp_small --seconds 1
 *     node dist/bench/webgpu/worker.js nnc mlp_small --program mlp_small.json
 *     node dist/bench/webgpu/worker.js nnc mlp_small --program mlp_small.json --kernels   # a table of its dispatches
 *     node dist/bench/webgpu/worker.js peak
 */

import { parseArgs } from "node:util";
import { globals } from "webgpu";
import { describeAdapter } from "../../runtime/devices/webgpu/adapter.ts";
import { openGpu } from "../../runtime/devices/webgpu/node-gpu.ts";
import { makeInputs, shapedLayers, workloads } from "../inputs.ts";
import { median } from "../statistics.ts";
import { DispatchClock } from "./dispatch-clock.ts";
import { measurePeak } from "./peak.ts";
import type { Measurement, PeerModule, Training } from "./peer.ts";

const modules: Readonly<Record<string, URL>> = {
  nnc: new URL("./nnc.js", import.meta.url),
  tfjs: new URL("../../../bench/peers/webgpu/tfjs.mjs", import.meta.url),
  "jax-js": new URL("../../../bench/peers/webgpu/jax-js.mjs", import.meta.url),
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "1" },
    program: { type: "string" },
    kernels: { type: "boolean", default: false },
    dawn: { type: "string", multiple: true, default: [] },
  },
});

const seconds = Number(options.seconds);
const leastChunks = 3;
const stepsPerTable = 5;

async function work(): Promise<unknown> {
  // Otherwise timestamps are rounded to tenths of milliseconds.
  const precise = options.kernels ? ["disable-dawn-features=timestamp_quantization"] : [];
  const { gpu, adapter } = await openGpu({ dawn: [...options.dawn, ...precise] });
  const [peer = "", name = ""] = positionals;
  if (peer === "adapter") {
    const { vendor, architecture, device, description } = adapter.info;
    return { ...describeAdapter(adapter), vendor, architecture, device, description };
  }
  if (peer === "peak") return { gflops: await measurePeak(adapter) };

  const workload = workloads.find((known) => known.name === name);
  const url = modules[peer];
  if (workload === undefined || url === undefined) throw new Error(`no ${peer} on ${name}`);
  const clock = options.kernels ? new DispatchClock(gpu) : undefined;
  // Peers made for browsers look for these there; Node 20 has no navigator of its own.
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu: clock?.gpu ?? gpu, userAgent: `Node.js/${process.versions.node}` },
    configurable: true,
  });
  const layers = shapedLayers(workload);
  const { program } = options;
  const job = { gpu: clock?.gpu ?? gpu, workload, layers, inputs: makeInputs(workload), program };

  const start = performance.now();
  const { open } = (await import(url.href)) as PeerModule;
  const training = await open(job);
  await training.run(1);
  const first = await training.loss();
  const firstStepSeconds = (performance.now() - start) / 1000;
  await training.run(19);
  const twentieth = await training.loss();
  await training.settled?.();
  if (clock !== undefined) {
    await clock.take();
    await training.run(stepsPerTable);
    await training.loss();
    const dispatches = await clock.take();
    training.dispose();
    return { steps: stepsPerTable, dispatches };
  }
  const measurement: Measurement = {
    firstStepSeconds,
    ...(await medianStep(training)),
    first,
    twentieth,
  };
  training.dispose();
  return measurement;
}

async function medianStep(
  training: Training,
): Promise<Pick<Measurement, "seconds" | "processorSeconds">> {
  const chunk = async (steps: number) => {
    const start = performance.now();
    const before = process.cpuUsage();
    await training.run(steps);
    await training.loss();
    const { user, system } = process.cpuUsage(before);
    return {
      wall: (performance.now() - start) / 1e3 / steps,
      processor: (user + system) / 1e6 / steps,
    };
  };
  const once = Math.min((await chunk(1)).wall, (await chunk(5)).wall);
  const count = Math.max(1, Math.floor(seconds / 10 / once));
  const times = [];
  for (let spent = 0; spent < seconds || times.length < leastChunks; ) {
    const time = await chunk(count);
    spent += time.wall * count;
    times.push(time);
  }
  return {
    seconds: median(times.map(({ wall }) => wall)),
    processorSeconds: median(times.map(({ processor }) => processor)),
  };
}

const result = await work();
process.stdout.write(`${JSON.stringify(result)}\n`);
// Peers leave their devices open, and Dawn would keep the process.
process.exit();
