/**
 * Damaged data files and checkpoints through the commands `train`, `evaluate` and `predict`: whatever is in the file,
 * a command succeeds, or says what is wrong with a file in one error, and changes nothing on the disk. A damaged
 * checkpoint is refused; at most it is known not to be one of ours.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { describeFailure } from "../../compiler/cli/failure.ts";
import { prepareModel } from "../../compiler/cli/prepare-model.ts";
import type { CommandEnvironment } from "../../runtime/training/command/environment.ts";
import { evaluateCommand } from "../../runtime/training/command/evaluate.ts";
import { predictCommand } from "../../runtime/training/command/predict.ts";
import { trainCommand } from "../../runtime/training/command/train.ts";
import { idxFile, npyFile } from "../runtime/data/fixtures.ts";
import { generator } from "../syntax/mutate.ts";

const ROWS = 24;

const MODEL = `
model Readers {
  input table: f32[N, 2]
  input image: u8[N, 2, 3]
  input array: f32[N, 2]
  input packed: i32[N, 2]
  input lines: f32[N, 2]
  h = [table, image / 255 |> Flatten, array, f32(packed), lines] |> Concatenate |> Dense(5, relu)
  output y = h |> Dense(1)
}

data files {
  train {
    table  = csv("table.csv", columns = ["a", "b"])
    target: f32 = csv("table.csv", column = "c")
    image  = idx("image.gz")
    array  = npy("array.npy")
    packed = npz("packed.npz", key = "p")
    lines  = jsonl("lines.jsonl")
  }
  test {
    table  = csv("table.csv", columns = ["a", "b"])
    target = csv("table.csv", column = "c")
    image  = idx("image.gz")
    array  = npy("array.npy")
    packed = npz("packed.npz", key = "p")
    lines  = jsonl("lines.jsonl")
  }
}

train Readers on files {
  loss       mse(target, y)
  optimizer  Adam()
  metrics    mae(target, y)
  epochs     2
  batch_size 10
}
`;

function dataFiles(): ReadonlyMap<string, Uint8Array> {
  const text = new TextEncoder();
  const floats = Float32Array.from({ length: 2 * ROWS }, (_, i) => Math.sin(i));
  const ints = Int32Array.from({ length: 2 * ROWS }, (_, i) => i % 5);
  const pixels = Array.from({ length: 6 * ROWS }, (_, i) => (i * 37) % 256);
  const npy = (descr: string, { buffer }: { readonly buffer: ArrayBufferLike }) => {
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${ROWS}, 2), }`;
    return npyFile(header, new Uint8Array(buffer));
  };
  const rows = Array.from({ length: ROWS }, (_, i) => i);
  return new Map([
    ["table.csv", text.encode(`a,b,c\n${rows.map((i) => `${i / 7},"${-i}",${i % 3}\n`).join("")}`)],
    ["image.gz", gzipSync(idxFile(8, [ROWS, 2, 3], pixels))],
    ["array.npy", npy("<f4", floats)],
    ["packed.npz", zipSync({ "p.npy": npy("<i4", ints), "q.npy": npy("<f4", floats) })],
    ["lines.jsonl", text.encode(rows.map((i) => `{"lines":[${i / 3},-1e-1],"x":"é"}\n`).join(""))],
  ]);
}

export class DamagedFiles {
  readonly #folder = mkdtempSync(join(tmpdir(), "nnc-damaged-"));
  readonly #files = dataFiles();
  readonly #checkpoint = join(this.#folder, "run", "kept.safetensors");
  readonly #errors: string[] = [];
  #environment: CommandEnvironment | undefined;
  #kept: Uint8Array = new Uint8Array();

  /** Trains once on whole files; what comes out is the checkpoint that is damaged later. */
  async prepare(): Promise<void> {
    const entry = join(this.#folder, "readers.nn");
    writeFileSync(entry, MODEL);
    mkdirSync(join(this.#folder, "run"));
    for (const [name, bytes] of this.#files) writeFileSync(join(this.#folder, name), bytes);
    const errors = { write: (text: string) => this.#errors.push(text) };
    const out = { write: () => undefined };
    this.#environment = await prepareModel({ entry }, undefined, { out, errors, color: false });
    const failure = await this.#run("train", this.#checkpoint);
    if (failure !== "") throw new Error(failure);
    this.#kept = readFileSync(this.#checkpoint);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Damages files, one a run; gives how many runs succeeded all the same. */
  async check(seed: number, runs: number): Promise<number> {
    const random = generator(seed);
    const names = [...this.#files.keys(), "kept.safetensors"];
    let succeeded = 0;
    for (let run = 0; run < runs; run++) {
      const name = names[random(names.length)]!;
      const isCheckpoint = name === "kept.safetensors";
      const whole = isCheckpoint ? this.#kept : this.#files.get(name)!;
      const damaged = damage(whole, random);
      const path = isCheckpoint ? this.#checkpoint : join(this.#folder, name);
      const command = (["train", "resume", "evaluate", "predict"] as const)[random(4)]!;
      writeFileSync(path, damaged);
      const before = this.#listing();
      try {
        // A new run writes its checkpoint elsewhere, so that it shows what was touched.
        const written =
          command === "train" ? join(this.#folder, "run", "new.safetensors") : this.#checkpoint;
        const failure = await this.#run(command, written);
        if (failure === "") succeeded++;
        else this.#checkFailure(failure, before);
        if (isCheckpoint && command === "resume" && failure === "" && !equal(damaged, whole)) {
          throw new Error("a damaged checkpoint was resumed from");
        }
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const bytes = Buffer.from(damaged).toString("base64");
        throw new Error(
          `seed ${seed}, run ${run}, ${command} with ${name} damaged: ${message}\n${bytes}`,
          {
            cause: error,
          },
        );
      }
      rmSync(join(this.#folder, "run", "new.safetensors"), { force: true });
      writeFileSync(path, whole);
      writeFileSync(this.#checkpoint, this.#kept);
    }
    return succeeded;
  }

  /** What the command printed as its error; empty if it succeeded. */
  async #run(
    command: "train" | "resume" | "evaluate" | "predict",
    checkpoint: string,
  ): Promise<string> {
    const environment = this.#environment!;
    this.#errors.length = 0;
    const common = { threads: 1, json: true };
    try {
      const code =
        command === "evaluate"
          ? await evaluateCommand(environment, { ...common, weights: checkpoint })
          : command === "predict"
            ? await predictCommand(environment, { threads: 1, weights: checkpoint, inputs: [] })
            : await trainCommand(environment, {
                ...common,
                checkpoint,
                ...(command === "resume" ? { resume: true, epochs: 3 } : {}),
              });
      return code === 0 ? "" : this.#errors.join("");
    } catch (error) {
      return describeFailure(error);
    }
  }

  #checkFailure(failure: string, before: string): void {
    const isPlain = /^error: .*(\n {2}= .*)?\n$/.test(failure);
    if (!isPlain) throw new Error(`not one plain error:\n${failure}`);
    if (/internal error|report it|please report/.test(failure)) throw new Error(failure);
    if (this.#listing() !== before)
      throw new Error(`files changed, and then it failed:\n${failure}`);
  }

  #listing(): string {
    return ["", "run"]
      .flatMap((folder) =>
        readdirSync(join(this.#folder, folder)).map((name) => join(folder, name)),
      )
      .filter((name) => name !== "run")
      .map(
        (name) =>
          `${name} ${Buffer.from(readFileSync(join(this.#folder, name))).toString("base64")}`,
      )
      .join("\n");
  }
}

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(b);

/** Bits flipped, bytes put in, cut out or cut off, a part repeated, numbers made huge, nothing left. */
function damage(whole: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = [...whole];
  const at = random(bytes.length);
  switch (random(8)) {
    case 0:
      for (let flips = 1 + random(4); flips > 0; flips--)
        bytes[random(bytes.length)]! ^= 1 << random(8);
      break;
    case 1:
      bytes.splice(at);
      break;
    case 2:
      bytes.splice(at, 1 + random(40));
      break;
    case 3:
      bytes.splice(at, 0, ...Array.from({ length: 1 + random(20) }, () => random(256)));
      break;
    case 4:
      bytes.splice(at, 0, ...bytes.slice(random(bytes.length)).slice(0, 200));
      break;
    case 5:
      bytes.splice(random(Math.min(16, bytes.length)), 4, 255, 255, 255, 127);
      break;
    case 6: {
      // Something else than digits among the text of headers and tables.
      const digits = bytes.flatMap((byte, i) => (byte >= 48 && byte <= 57 ? [i] : []));
      const place = digits[random(Math.max(1, digits.length))] ?? 0;
      bytes.splice(place, 1, ...new TextEncoder().encode(DIGITS[random(DIGITS.length)]));
      break;
    }
    default:
      return new Uint8Array(random(2) === 0 ? 0 : random(300));
  }
  return Uint8Array.from(bytes);
}

const DIGITS = [
  "-",
  "999999999",
  "4294967296",
  "1e309",
  "nan",
  ".",
  "",
  "null",
  "[",
  '"',
  "1,2",
  "-1",
];
