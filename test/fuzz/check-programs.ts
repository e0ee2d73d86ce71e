/**
 * Trains random programs for two steps, a full batch and a partial one, then runs their other graphs: as compiled C,
 * unfused and fused, with one thread and two, against the float64 interpreter of the program as it was lowered.
 * Before each step the interpreter takes the device's own numbers, so that rounding errors do not add up. Both
 * numbers of threads must give the same bits.
 */

import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { elementsAt } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, LeafRole, Value } from "../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import { createArray } from "../../runtime/data/column.ts";
import {
  loadNativeAddon,
  type NativeLibrary,
  type NativeSession,
} from "../../runtime/devices/cpu/native-addon.ts";
import { type CompiledCase, compilePrograms, pathOf } from "./program-library.ts";

const SEED = 7;
/** Relative to the larger of 1 and the number itself. */
const TOLERANCE = 5e-4;

export interface RandomProgram {
  readonly program: LoweredProgram;
  /** Rows of the partial batches, at most `batchMax`. */
  readonly n: number;
  /** Of each column of labels, how many classes there are. */
  readonly classes?: Readonly<Record<string, number>>;
  /** Shown when it fails. */
  readonly text: string;
}

/** The programs twice, as compiling one changes its context; throws at the first difference, with the program. */
export async function checkPrograms(
  make: () => readonly RandomProgram[],
  cpu: CpuDescription,
  cacheDirectory: string,
): Promise<void> {
  const random = { unfused: make(), fused: make() };
  const { library, unfused, fused } = await compilePrograms(
    {
      unfused: random.unfused.map(({ program }) => program),
      fused: random.fused.map(({ program }) => program),
    },
    cpu,
    cacheDirectory,
  );
  for (const [i, program] of random.unfused.entries()) {
    await checkProgram(library, unfused[i]!, program, `random program ${i}, unfused`);
    await checkProgram(library, fused[i]!, program, `random program ${i}, fused`);
  }
}

async function checkProgram(
  library: NativeLibrary,
  compiled: CompiledCase,
  random: RandomProgram,
  name: string,
): Promise<void> {
  const open = (threads: number) => new Session(library, compiled, random, threads);
  const [one, two] = [open(1), open(2)];
  try {
    const statistics = compiled.program.statistics.map(({ graph }) => graph);
    for (const stage of ["train", "train", "evaluate", "predict", ...statistics]) {
      await one.run(stage);
      await two.run(stage);
      one.compare(stage);
      one.compareBits(two, stage);
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${name}, N = ${random.n}: ${message}\n${random.text}`, { cause: error });
  } finally {
    one.dispose();
    two.dispose();
  }
}

type Numbers = ReadonlyMap<string, ArrayLike<number>>;

class Session {
  readonly #compiled: CompiledCase;
  readonly #session: NativeSession;
  readonly #partial: number;
  readonly #columns = new Map<string, TypedNumbers>();
  #batch = 0;
  #expected: Numbers = new Map();

  constructor(
    library: NativeLibrary,
    compiled: CompiledCase,
    { n, classes = {} }: RandomProgram,
    threads: number,
  ) {
    this.#compiled = compiled;
    this.#partial = n;
    const { scheduled } = compiled.passes;
    const { columns, batchMax } = compiled.program;
    this.#session = new (loadNativeAddon().Session)(library, {
      persistentBytes: scheduled.arenas.persistent,
      temporariesBytes: scheduled.arenas.temporaries,
      resultsBytes: scheduled.arenas.results,
      threads,
      columns: columns.length,
    });
    columns.forEach(({ name, dtype, shape }, slot) => {
      const width = shape.reduce((product, extent) => product * extent, 1);
      const range = classes[name] ?? (dtype === "bool" ? 2 : 256);
      const data = createArray(dtype, 2 * batchMax * width);
      numbersOf(`column ${name}`, data.length).forEach((x, i) => {
        data[i] = dtype === "f32" ? x : Math.floor(((x + 1) / 2) * range);
      });
      this.#columns.set(name, data);
      this.#session.bindColumn(slot, data);
    });
    const statistics = new Set(compiled.program.statistics.map(({ state }) => state));
    const initial = interpret(compiled.program.init, { n: 1, seed: SEED, leaf: () => [] }).results;
    for (const { leaf, role } of compiled.program.persistent) {
      const view = this.#persistent(leaf);
      const known = initial.get(pathOf(leaf));
      // Slots as if training had gone on for long: at zero, tiny gradients would decide where a step goes. Statistics
      // as of data of that size: divided by no variance at all, everything would overflow.
      if (role === "slot" || statistics.has(pathOf(leaf)))
        view.set(numbersOf(pathOf(leaf), view.length).map((x) => 0.75 + x / 2));
      else view.set(known ?? numbersOf(pathOf(leaf), view.length));
    }
  }

  async run(stage: string): Promise<void> {
    const { program, passes, symbols } = this.#compiled;
    const { batchMax } = program;
    // The first step is of a full batch, all others are partial.
    const n = this.#batch === 0 ? batchMax : this.#partial;
    // Rows from the end, in an order of their own, so that the gather is tested.
    const rows = Int32Array.from(
      { length: n },
      (_, i) => 2 * batchMax - 1 - ((i * 3 + this.#batch) % (2 * batchMax)),
    );
    const counters = { t: this.#batch + 1, batch: this.#batch };
    this.#expected = this.#interpret(stage, rows, counters);
    const scalarGraph = passes.stepScalars.get(stage)!;
    const { results } = interpret(scalarGraph, {
      n,
      leaf: (role, path) => this.#number(role, path, counters),
    });
    const scalars = Float32Array.from([...results.values()].map((data) => data[0]!));
    await this.#session.run({
      symbol: symbols.get(stage)!,
      rows,
      batchSize: n,
      scalars,
      scalarsPerStep: scalars.length,
      seed: SEED,
      firstBatch: this.#batch,
    });
    this.#batch++;
  }

  /** With what the interpreter gave, for the stage that ran last. */
  compare(stage: string): void {
    const actual = this.#actual(stage);
    for (const [name, wanted] of this.#expected) {
      const found = actual.get(name);
      if (found === undefined || found.length < wanted.length)
        throw new Error(`${stage} gives no ${name}`);
      for (let i = 0; i < wanted.length; i++) {
        const error = Math.abs(found[i]! - wanted[i]!);
        const isClose = error <= TOLERANCE * Math.max(1, Math.abs(wanted[i]!));
        if (isClose || Object.is(found[i], Math.fround(wanted[i]!))) continue;
        throw new Error(`${stage}: ${name}[${i}] is ${found[i]}, not ${wanted[i]}`);
      }
    }
  }

  compareBits(other: Session, stage: string): void {
    const theirs = other.#actual(stage);
    for (const [name, data] of this.#actual(stage)) {
      const same = Buffer.from(bytesOf(data)).equals(bytesOf(theirs.get(name)!));
      if (!same) throw new Error(`${stage}: two threads give other bits of ${name} than one`);
    }
  }

  dispose(): void {
    this.#session.dispose();
  }

  #interpret(stage: string, rows: Int32Array, counters: Counters): Numbers {
    const { program } = this.#compiled;
    const lowered = this.#graph(stage);
    const graph = differentiate(program.context, lowered);
    const { results, assignments } = interpret(graph, {
      n: rows.length,
      seed: SEED,
      batch: counters.batch,
      leaf: (role, path) => {
        if (role === "input") return this.#gather(path, rows);
        if (role === "param" || role === "state") {
          return this.#persistent(this.#leaf(path)).slice();
        }
        return this.#number(role, path, counters);
      },
    });
    const assigned = assignments.map(({ target, data }) => [`${pathOf(target)} <-`, data] as const);
    return new Map([...results, ...assigned]);
  }

  #graph(stage: string): Graph {
    const { predict, training, statistics } = this.#compiled.program;
    const others = [predict, training!.train, training!.evaluate, ...statistics.map((s) => s.body)];
    return others.find(({ name }) => name === stage)!;
  }

  #actual(stage: string): ReadonlyMap<string, TypedNumbers> {
    const { program, passes } = this.#compiled;
    const scheduled = passes.scheduled.graphs.find(({ name }) => name === stage)!;
    const n = this.#batch === 1 ? program.batchMax : this.#partial;
    const results = scheduled.results.map(({ name, value, offset }) => {
      const length = elementsAt(value.shape, n);
      return [name, viewOf(value, this.#session.results, offset, length)] as const;
    });
    const assigned = this.#graph(stage).assignments.map(
      ({ target }) => [`${pathOf(target)} <-`, this.#persistent(target)] as const,
    );
    return new Map([...results, ...assigned]);
  }

  #number(role: LeafRole, path: string, counters: Counters): ArrayLike<number> {
    if (role === "hyper") return [this.#compiled.program.training!.hypers[path]!];
    if (role === "counter") return [counters[path as keyof Counters]];
    throw new Error(`no ${role} ${path} was expected`);
  }

  #gather(path: string, rows: Int32Array): Float64Array {
    const data = this.#columns.get(path)!;
    const width = data.length / (2 * this.#compiled.program.batchMax);
    return Float64Array.from({ length: rows.length * width }, (_, i) => {
      return data[rows[Math.floor(i / width)]! * width + (i % width)]!;
    });
  }

  #leaf(path: string): Value {
    return this.#compiled.program.persistent.find(({ leaf }) => pathOf(leaf) === path)!.leaf;
  }

  #persistent(leaf: Value): TypedNumbers {
    const offset = this.#compiled.offsets.get(pathOf(leaf))!;
    const length = elementsAt(leaf.shape, this.#compiled.program.batchMax);
    return viewOf(leaf, this.#session.persistent, offset, length);
  }
}

interface Counters {
  readonly t: number;
  readonly batch: number;
}

type TypedNumbers = Float32Array | Int32Array | Uint8Array;

function viewOf(
  { dtype }: Value,
  arena: ArrayBuffer,
  offset: number,
  length: number,
): TypedNumbers {
  if (dtype === "f32") return new Float32Array(arena, offset, length);
  if (dtype === "i32") return new Int32Array(arena, offset, length);
  return new Uint8Array(arena, offset, length);
}

function bytesOf(numbers: TypedNumbers): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** From −1 to 1; the same for the same name. */
function numbersOf(name: string, length: number): Float32Array {
  const stream = hash32(name);
  return Float32Array.from({ length }, (_, i) => 2 * uniformAt(SEED, stream, 0, i) - 1);
}
