/**
 * Every example that ships takes on WebGPU the way that it takes on the CPU: 20 updates, or 10 where they take software
 * the longest, from the same weights on the same batches, of the same file. Both compute the same float32 operations but
 * round some of them otherwise: sums run in trees of a workgroup's threads instead of vector lanes, quotients may be off
 * by 2.5 units in the last place, and a × b + c may round once or twice.
 *
 * Losses of all steps agree to 1e-5 of their size, and in the end the weights of each tensor to 1e-5 of their norm.
 * A step brings differences of some 1e-8, most examples come to 1e-7 … 5e-6. Where training itself makes more of what
 * rounding leaves, the table says so and how much: optimizers divide gradients by their size, so that what is left of
 * one that cancels moves a weight as far as any other. There the CPU has to do the same with its own weights, each off
 * by one rounding at the start: if that leads to less than a twentieth of the tolerance, the tolerance is too wide. And
 * where rounding decides on which side of a kink a value lies, WebGPU has to take one of those ways, as exactly.
 *
 * An adapter in software takes 0.1 to 1 ms for each kernel that it starts and computes some hundred times as slowly, so
 * batches are small where a sample is large (`--batch-size`, as on the command line), and sequences short where each of
 * their elements is a step of a loop; graphs and images are parts of those of the data. The program is the file's.
 */

import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { weightTensors } from "../../runtime/training/checkpoint.ts";
import type { Trainer } from "../../runtime/training/trainer.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { hasShared, needsShared, sharedPath } from "../shared-folder.ts";
import { generator } from "../syntax/mutate.ts";
import { examples, temporaryFolder } from "./nnc.ts";
import { openForData } from "./open-trainer.ts";
import {
  writeFirstLines,
  writeShortWords,
  writeSmallCora,
  writeSmallImages,
} from "./small-data.ts";
import {
  distance,
  distances,
  followSteps,
  readStatistics,
  type Trajectory,
} from "./train-steps.ts";

const BOUND = 1e-5;

interface Case {
  readonly example: string;
  /** Rows of a batch; by default the file's. */
  readonly batchSize?: number;
  /** Updates; 20 by default. */
  readonly steps?: number;
  /** What of the file is replaced. */
  readonly replaced?: readonly (readonly [text: string, by: string])[];
  /** Wider ones for weights whose paths end so. */
  readonly tolerances?: Readonly<Record<string, number>>;
  /** Some value comes so close to a kink of `relu` that its sign is a matter of rounding. */
  readonly hasKinks?: boolean;
  /** Data that do not ship. */
  readonly needs?: string;
  /** Writes what is trained on to a folder, where it is not all that there is. */
  readonly writeData?: (folder: string) => void;
}

const cases: readonly Case[] = [
  { example: "digits.nn" },
  { example: "digits-512.nn", batchSize: 16 },
  { example: "functional.nn" },
  { example: "custom.nn" },
  { example: "branches.nn" },
  { example: "lstm.nn", batchSize: 4 },
  { example: "gru.nn", batchSize: 4 },
  { example: "digits-conv.nn", batchSize: 4 },
  { example: "transfer.nn", batchSize: 4 },
  { example: "inception.nn", batchSize: 16, tolerances: { "/bias": 5e-5 } },
  { example: "siamese.nn", batchSize: 8, tolerances: { "/bias": 5e-5 } },
  { example: "vae.nn", batchSize: 4 },
  { example: "gan.nn", steps: 10, batchSize: 4 },
  { example: "ntm.nn", steps: 10, batchSize: 2, tolerances: { "/bias": 3e-5 } },
  {
    example: "transformer.nn",
    steps: 10,
    batchSize: 2,
    replaced: [
      ["u8[N, 65]", "u8[N, 17]"],
      ["T = 64", "T = 16"],
    ],
    // What is added to a key changes all scores of a query alike: the gradient is 0, and Adam walks on what is left.
    tolerances: { "key/bias": 4, "/bias": 5e-5 },
  },
  {
    example: "cora.nn",
    steps: 10,
    replaced: [["2708", "256"]],
    writeData: (folder) => writeSmallCora(folder, 256),
  },
  { example: "spring.nn" },
  { example: "reviews.nn", batchSize: 4 },
  {
    example: "imdb.nn",
    batchSize: 16,
    needs: "data/imdb",
    replaced: [["train.jsonl.gz", "train.jsonl"]],
    writeData: (folder) => {
      const place = "data/imdb/train.jsonl";
      writeFirstLines(sharedPath(`${place}.gz`), join(folder, place), 400);
    },
  },
  { example: "newswires.nn", batchSize: 4, needs: "data/reuters46" },
  { example: "housing.nn", needs: "data/boston-housing" },
  {
    example: "resnet.nn",
    steps: 10,
    batchSize: 4,
    hasKinks: true,
    tolerances: { "": 5e-5 },
    needs: "data/cifar10-subset",
    replaced: [
      ["u8[N, 3, 32, 32]", "u8[N, 3, 8, 8]"],
      ["stride = 3073", "stride = 193"],
      ["train.bin.gz", "train.bin"],
    ],
    writeData: (folder) => {
      const place = "data/cifar10-subset/train.bin";
      writeSmallImages(sharedPath(`${place}.gz`), join(folder, place), 200, 8);
    },
  },
  {
    example: "handwriting.nn",
    batchSize: 2,
    needs: "data/ocr-words",
    replaced: [
      ["[N, 14, 16, 8]", "[N, 5, 16, 8]"],
      ["112", "40"],
      ["i32[14]", "i32[5]"],
      ["stop = 6251", "stop = 60"],
    ],
    writeData: (folder) => {
      const place = "data/ocr-words/ocr-words.npz";
      writeShortWords(sharedPath(place), join(folder, place), 60, 5);
    },
  },
];

/** Places of data that tests write. */
const written = new Set(["data/cora"]);

/** The examples, beside the data that ship. */
function copyExamples(): string {
  const folder = temporaryFolder();
  for (const name of readdirSync(examples).filter((file) => file.endsWith(".nn"))) {
    cpSync(join(examples, name), join(folder, name));
  }
  mkdirSync(join(folder, "data"));
  for (const name of readdirSync(join(examples, "data"))) {
    const place = join("data", name);
    if (!written.has(place)) symlinkSync(join(examples, place), join(folder, place));
  }
  return folder;
}

function replaceText(model: string, replaced: NonNullable<Case["replaced"]>): void {
  let text = readFileSync(model, "utf8");
  for (const [from, to] of replaced) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  writeFileSync(model, text);
}

const DRAWS = 3;
/** How much further than the CPU's own weights, off by one rounding, a tolerance may let WebGPU go. */
const SLACK = 20;

interface Outcome {
  readonly names: readonly string[];
  readonly cpu: Trajectory;
  readonly wgsl: Trajectory;
  /** The CPU's ways from weights that are off by one rounding, where a tolerance is measured by them. */
  readonly disturbed: readonly Trajectory[];
}

const folder = copyExamples();

async function followBoth(one: Case): Promise<Outcome> {
  const { example, batchSize, steps, replaced = [], tolerances = {}, needs, writeData } = one;
  const model = join(folder, example);
  if (writeData !== undefined) writeData(folder);
  else if (needs !== undefined) symlinkSync(sharedPath(needs), join(folder, needs));
  replaceText(model, replaced);
  // Sums as WebGPU computes them, as they stand.
  const options = { selfTest: false, ...(batchSize === undefined ? {} : { batchSize }) };
  const { trainer: first, readColumns } = await openForData(model, { ...options, winograd: false });
  const { trainer: second } = await openForData(model, { ...options, target: "wgsl" });
  try {
    const columns = await readColumns();
    await readStatistics(first, columns);
    const start = await first.checkpoint();
    const cpu = await followSteps(first, columns, steps);
    const disturbed: Trajectory[] = [];
    const draws = Object.keys(tolerances).length > 0 || one.hasKinks === true ? DRAWS : 0;
    for (let draw = 0; draw < draws; draw++) {
      await first.restore(start);
      await disturbWeights(first, draw);
      disturbed.push(await followSteps(first, columns, steps));
    }
    await second.restore(start);
    const wgsl = await followSteps(second, columns, steps);
    return { names: weightTensors(first.plan).map(({ name }) => name), cpu, wgsl, disturbed };
  } finally {
    first.dispose();
    second.dispose();
  }
}

/** Moves each weight to a neighbour in float32. */
async function disturbWeights({ runner }: Trainer, draw: number): Promise<void> {
  const random = generator(draw + 1);
  const weights = await runner.readWeights();
  for (const data of weights.values()) {
    if (!(data instanceof Float32Array)) continue;
    const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
    for (const [i, weight] of data.entries()) if (weight !== 0) bits[i]! += random(2) * 2 - 1;
  }
  await runner.writeTensors(weights);
}

function check({ names, cpu, wgsl, disturbed }: Outcome, { tolerances = {}, hasKinks }: Case) {
  const ways = hasKinks === true ? [cpu, ...disturbed] : [cpu];
  const near = ways.reduce((a, b) => (distance(wgsl, b) < distance(wgsl, a) ? b : a));
  for (const [step, loss] of near.losses.entries()) {
    const error = Math.abs(wgsl.losses[step]! - loss);
    expect(error, `loss of step ${step}`).toBeLessThanOrEqual(BOUND * Math.abs(loss));
  }
  const endOf = (name: string) => Object.keys(tolerances).find((end) => name.endsWith(end));
  for (const [i, error] of distances(wgsl, near).entries()) {
    const end = endOf(names[i]!);
    const tolerance = end === undefined ? BOUND : tolerances[end]!;
    expect(error, names[i]).toBeLessThanOrEqual(tolerance);
  }
  for (const [end, tolerance] of Object.entries(tolerances)) {
    const own = disturbed.flatMap((way) =>
      distances(way, cpu).filter((_, i) => endOf(names[i]!) === end),
    );
    expect(Math.max(...own), `the CPU's own ${end}`).toBeGreaterThanOrEqual(tolerance / SLACK);
  }
}

test("all examples are here", () => {
  const files = readdirSync(examples).filter((name) => name.endsWith(".nn"));
  expect(cases.map(({ example }) => example).sort()).toEqual(files.sort());
});

describe.runIf(hasGpu)(`updates on WebGPU and on the CPU ${needsGpu}`, () => {
  for (const one of cases) {
    const { example, needs } = one;
    const name = needs === undefined ? example : `${example} ${needsShared(needs)}`;
    test.runIf(needs === undefined || hasShared(needs))(name, async () => {
      check(await followBoth(one), one);
    });
  }
});
