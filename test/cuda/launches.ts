/** Launches of an image in the runner of the emulation, see `run_kernels.cc`; memory is given and returned as bytes. */

import { spawn } from "node:child_process";
import { emulatedCuda } from "./emulation.ts";

export interface EmulatedMemory {
  readonly name: string;
  readonly bytes: number;
  /** Its first bytes; the rest is full of NaNs. */
  readonly given?: Uint8Array;
}

export interface EmulatedStep {
  readonly name: string;
  /** Names of memory. */
  readonly rows: string;
  readonly scalars: string | null;
  readonly seed: number;
  readonly batch: number;
}

export type EmulatedArgument =
  | { readonly kind: "pointer"; readonly memory: string; readonly offset: number }
  | { readonly kind: "number"; readonly value: number }
  | {
      readonly kind: "map";
      readonly memory: string;
      readonly offset: number;
      readonly dtype: keyof typeof tensorTypes;
      readonly swizzleBytes: 0 | 32 | 64 | 128;
      readonly extents: readonly number[];
      /** In elements; the first is 1. */
      readonly strides: readonly number[];
      readonly box: readonly number[];
    };

export interface EmulatedLaunch {
  readonly kernel: string;
  readonly blocks: number;
  readonly threads: number;
  readonly sharedBytes?: number;
  readonly isCooperative?: boolean;
  readonly arguments: readonly EmulatedArgument[];
}

export type ThreadOrder = "forward" | "reverse" | "shuffled";

export interface EmulatedRun {
  readonly source: string;
  readonly memory: readonly EmulatedMemory[];
  readonly steps?: readonly EmulatedStep[];
  readonly launches: readonly EmulatedLaunch[];
  /** Of the threads of a block between two barriers. */
  readonly order?: ThreadOrder;
  /** Whether every access is checked by address sanitizer, and integers for overflow. */
  readonly sanitized?: boolean;
}

/** CUDA's numbers of types of elements. */
const tensorTypes = { f16: 6, f32: 7, bf16: 9, tf32: 11 } as const;
const tensorBytes = { f16: 2, f32: 4, bf16: 2, tf32: 4 } as const;

/**
 * All memory after the launches, by name.
 * @throws Error that says what a kernel did wrong, naming kernel, block and thread.
 */
export async function runEmulated(run: EmulatedRun): Promise<ReadonlyMap<string, ArrayBuffer>> {
  const { source, memory, steps = [], launches, order = "forward", sanitized = false } = run;
  const emulation = await emulatedCuda();
  const image = await emulation.compile(source, sanitized);
  const lines = [
    `image ${image.byteLength}`,
    `order ${order}`,
    ...memory.map(({ name, bytes, given }) => `memory ${name} ${bytes} ${given?.byteLength ?? 0}`),
    ...steps.map(
      ({ name, rows, seed, batch, scalars }) =>
        `step ${name} ${rows} ${seed >>> 0} ${batch >>> 0} ${scalars ?? "-"}`,
    ),
    ...launches.flatMap((launch) => [
      `launch ${launch.kernel} ${launch.blocks} ${launch.threads} ${launch.sharedBytes ?? 0} ${launch.isCooperative ? 1 : 0}`,
      ...launch.arguments.map(printArgument),
    ]),
    ...memory.map(({ name }) => `output ${name}`),
    "end",
    "",
  ];
  const given = memory.flatMap((part) => (part.given === undefined ? [] : [part.given]));
  const input = Buffer.concat([Buffer.from(lines.join("\n")), image, ...given]);
  const output = await converse(await emulation.runner(sanitized), input);
  let end = 0;
  return new Map(
    memory.map(({ name, bytes }) => {
      const start = end;
      end += bytes;
      return [name, Uint8Array.from(output.subarray(start, end)).buffer] as const;
    }),
  );
}

function printArgument(argument: EmulatedArgument): string {
  switch (argument.kind) {
    case "pointer":
      return `pointer ${argument.memory} ${argument.offset}`;
    case "number":
      return `number ${argument.value}`;
    case "map": {
      const { memory, offset, dtype, swizzleBytes, extents, strides, box } = argument;
      const swizzle = [0, 32, 64, 128].indexOf(swizzleBytes);
      const bytes = strides.map((stride) => stride * tensorBytes[dtype]);
      const numbers = [offset, tensorTypes[dtype], swizzle, extents.length];
      return `map ${memory} ${[...numbers, ...extents, ...bytes, ...box].join(" ")}`;
    }
  }
}

function converse(program: string, input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, { stdio: "pipe" });
    const output: Buffer[] = [];
    const said: Buffer[] = [];
    child.stdout.on("data", (data: Buffer) => output.push(data));
    child.stderr.on("data", (data: Buffer) => said.push(data));
    // A program that refuses its input does not read all of it.
    child.stdin.on("error", () => {});
    child.on("error", reject);
    child.on("close", (status, signal) => {
      if (status === 0) resolve(Buffer.concat(output));
      else reject(new Error(Buffer.concat(said).toString().trim() || `${status ?? signal}`));
    });
    child.stdin.end(input);
  });
}
