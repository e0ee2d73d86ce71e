/**
 * Runs kernels of the kernel IR on this machine, workgroup by workgroup, as the IR defines them; its threads run one
 * after the other from barrier to barrier. It fails where a kernel breaks a rule that devices let pass: an access out
 * of range, shared memory read before it is written, two threads at one place between barriers of which one
 * writes, threads that come to different barriers, vectors that are not aligned or share a window with single
 * elements, where that is asked for; asynchronous copies whose target is touched before they have been waited for, or
 * is read by others without a barrier after that. Copies take place as late as they may.
 */

import { scalarFunctions } from "../../../compiler/graph/scalar-functions.ts";
import { hash32, uniformAt } from "../../../compiler/graph/threefry.ts";
import type { Kernel, Statement } from "../../../compiler/kernel/ir.ts";
import { Translator } from "./translate-kernel.ts";

export type Memory = Float32Array | Int32Array | Uint8Array;

export interface SimulationOptions {
  readonly n: number;
  /** By parameter name. */
  readonly memory: ReadonlyMap<string, Memory>;
  readonly scalars?: ReadonlyMap<string, number>;
  readonly seed?: number;
  readonly batch?: number;
  /** Threads of a subgroup, where the kernel asks. */
  readonly subgroup?: number;
  /** Whether one window may be read as vectors and as single elements, as in C and not in WGSL. */
  readonly mixesWidths?: boolean;
}

type Data = number | number[];

/** An asynchronous copy under way: whether there is a source, and so many elements. */
interface Copy {
  readonly to: readonly [name: string, index: number];
  readonly from: readonly [name: string, index: number];
  readonly exists: boolean;
  readonly elements: number;
}

/** What the generated code calls. */
class Machine {
  readonly buffers = new Map<string, BufferState>();
  /** Of the workgroup: values by exchange and thread. */
  offers = new Map<number, Data[]>();
  /** Among all threads, and in the workgroup. */
  thread = 0;
  lane = 0;
  epoch = 0;
  readonly options: SimulationOptions;
  readonly kernel: string;
  /** Copies issued since the last group was closed, and closed groups that have not been waited for. */
  #copies: Copy[] = [];
  #groups: Copy[][] = [];

  constructor(kernel: string, options: SimulationOptions) {
    this.kernel = kernel;
    this.options = options;
  }

  fail(message: string): never {
    throw new Error(`${this.kernel}, thread ${this.thread}: ${message}`);
  }

  load(name: string, index: number, lanes: number): Data {
    const buffer = this.#access(name, index, lanes);
    if (lanes === 1) return buffer.read(index, this);
    return Array.from({ length: lanes }, (_, i) => buffer.read(index + i, this));
  }

  store(name: string, index: number, value: Data): void {
    const values = Array.isArray(value) ? value : [value];
    const buffer = this.#access(name, index, values.length);
    values.forEach((each, i) => {
      buffer.write(index + i, each, this);
    });
  }

  // Asynchronous copies

  copy(to: Copy["to"], from: Copy["from"], exists: boolean, elements: number): void {
    const target = this.#within(...to, elements);
    for (let i = 0; i < elements; i++) target.claim(to[1] + i, this);
    this.#copies.push({ to, from, exists, elements });
  }

  commit(): void {
    this.#groups.push(this.#copies);
    this.#copies = [];
  }

  awaitAllBut(pending: number): void {
    while (this.#groups.length > pending) {
      for (const { to, from, exists, elements } of this.#groups.shift()!) {
        const target = this.#within(...to, elements);
        const source = exists ? this.#within(...from, elements) : null;
        for (let i = 0; i < elements; i++) {
          target.claimed.delete(to[1] + i);
          target.write(to[1] + i, source === null ? 0 : source.read(from[1] + i, this), this);
        }
      }
    }
  }

  finish(): void {
    const left = [...this.#groups.flat(), ...this.#copies];
    if (left.length > 0) this.fail(`nobody waits for copies to ${left[0]!.to[0]}`);
  }

  #access(name: string, index: number, lanes: number): BufferState {
    const buffer = this.#within(name, index, lanes);
    buffer.widths.add(lanes);
    if (buffer.widths.size > 1 && this.options.mixesWidths !== true) {
      this.fail(`${name} is read by ${[...buffer.widths].join(" and ")}`);
    }
    return buffer;
  }

  #within(name: string, index: number, lanes: number): BufferState {
    const buffer = this.buffers.get(name) ?? this.fail(`no memory for ${name}`);
    if (!Number.isInteger(index) || index < 0 || index + lanes > buffer.data.length) {
      this.fail(`${name}[${index}] of ${buffer.data.length}`);
    }
    if (index % lanes !== 0) this.fail(`${name}[${index}] is not aligned to ${lanes}`);
    return buffer;
  }

  call(fn: string, args: readonly (number | boolean)[], dtype: string): number | boolean {
    const row = scalarFunctions[fn as keyof typeof scalarFunctions];
    const value = row.evaluate(...args.map(Number));
    if (dtype === "bool") return value !== 0;
    return dtype === "f32" ? Math.fround(value) : value | 0;
  }

  toInteger(value: number): number {
    if (Number.isNaN(value)) return 0;
    return Math.max(-2147483648, Math.min(2147483647, Math.trunc(value)));
  }

  // Exchanges within subgroups: all threads offer, then each takes what another has offered.

  offer(exchange: number, value: Data): void {
    const offers = this.offers.get(exchange) ?? [];
    this.offers.set(exchange, offers);
    offers[this.lane] = value;
  }

  take(exchange: number, distance: number): Data {
    const { subgroup = 1 } = this.options;
    const isWithin = (this.lane % subgroup) + distance < subgroup;
    // What lies beyond is undefined: what it makes of results shows.
    return (isWithin ? this.offers.get(exchange)![this.lane + distance] : undefined) ?? Number.NaN;
  }

  takeFirst(exchange: number, count: number): Data {
    const { subgroup = 1 } = this.options;
    if (count > subgroup) this.fail(`subgroups have ${subgroup} threads, not ${count}`);
    return this.offers.get(exchange)![this.lane - (this.lane % count)]!;
  }

  uniform(stream: string, index: number): number {
    const { seed = 0, batch = 0 } = this.options;
    return uniformAt(seed, hash32(stream), batch, index);
  }
}

class BufferState {
  readonly name: string;
  readonly data: Memory | Float64Array;
  readonly widths = new Set<number>();
  /** Elements that asynchronous copies will write. */
  readonly claimed = new Set<number>();
  readonly #isLocal: boolean;
  readonly #isShared: boolean;
  /** Who wrote and read each element last, and between which barriers. */
  readonly #writes: Int32Array;
  readonly #writers: Int32Array;
  readonly #reads: Int32Array;
  readonly #readers: Int32Array;

  constructor(name: string, data: Memory | Float64Array, scope: "global" | "shared" | "local") {
    this.name = name;
    this.data = data;
    this.#isLocal = scope === "local";
    this.#isShared = scope === "shared";
    this.#writes = new Int32Array(data.length).fill(-1);
    this.#writers = new Int32Array(data.length);
    this.#reads = new Int32Array(data.length).fill(-1);
    this.#readers = new Int32Array(data.length);
  }

  /** From now on until it is waited for, a copy may write the element. */
  claim(index: number, machine: Machine): void {
    this.write(index, Number.NaN, machine);
    this.claimed.add(index);
  }

  read(index: number, machine: Machine): number {
    const { thread, epoch } = machine;
    if (this.claimed.has(index)) machine.fail(`${this.name}[${index}] is read while it is copied`);
    if (!this.#isLocal) {
      if (this.#isShared && this.#writes[index] === -1) {
        machine.fail(`${this.name}[${index}] is read and was never written`);
      }
      if (this.#writes[index] === epoch && this.#writers[index] !== thread) {
        machine.fail(`${this.name}[${index}] is read beside a write by ${this.#writers[index]}`);
      }
      const isOther = this.#reads[index] === epoch && this.#readers[index] !== thread;
      this.#reads[index] = epoch;
      this.#readers[index] = isOther ? -1 : thread;
    }
    return this.data[index]!;
  }

  write(index: number, value: number, machine: Machine): void {
    const { thread, epoch } = machine;
    if (this.claimed.has(index))
      machine.fail(`${this.name}[${index}] is written while it is copied`);
    if (!this.#isLocal) {
      const clashes =
        (this.#writes[index] === epoch && this.#writers[index] !== thread) ||
        (this.#reads[index] === epoch && this.#readers[index] !== thread);
      if (clashes) machine.fail(`${this.name}[${index}] is written beside another access`);
      this.#writes[index] = epoch;
      this.#writers[index] = thread;
    }
    this.data[index] = value;
  }
}

/** Runs all tasks of a kernel; memory is changed in place. */
export function simulateKernel(kernel: Kernel, options: SimulationOptions): void {
  const text = new Translator(kernel).text();
  const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor as new (
    ...source: string[]
  ) => (...args: unknown[]) => Generator<number>;
  const run = new GeneratorFunction("m", "task", "thread", "n", "subgroup", "scalars", text);
  const count = new Function("n", `return ${new Translator(kernel).expression(kernel.tasks)};`) as (
    n: number,
  ) => number;
  const scalars = Object.fromEntries(options.scalars ?? []);
  let epoch = 0;
  const globals = new Map<string, BufferState>();
  for (const [name, data] of options.memory) {
    globals.set(name, new BufferState(name, data, "global"));
  }
  const shared = buffersOf(kernel.body, "shared");
  for (let task = 0; task < count(options.n); task++) {
    const machines = Array.from(
      { length: kernel.threads },
      () => new Machine(kernel.name, options),
    );
    const common = new Map(globals);
    const offers = new Map<number, Data[]>();
    for (const { name, elements } of shared) {
      common.set(
        name,
        new BufferState(name, new Float64Array(elements).fill(Number.NaN), "shared"),
      );
    }
    const threads = machines.map((machine, thread) => {
      for (const [name, buffer] of common) machine.buffers.set(name, buffer);
      for (const { name, elements } of buffersOf(kernel.body, "local")) {
        const data = new Float64Array(elements).fill(Number.NaN);
        machine.buffers.set(name, new BufferState(name, data, "local"));
      }
      machine.thread = task * kernel.threads + thread;
      machine.lane = thread;
      machine.offers = offers;
      return run(machine, task, thread, options.n, options.subgroup ?? 1, scalars);
    });
    for (;;) {
      const states = threads.map((thread, i) => {
        machines[i]!.epoch = epoch;
        return thread.next();
      });
      const [first] = states;
      // Exchanges within subgroups are numbered downwards from −1: memory is as it was.
      if (!(first!.value < 0)) epoch++;
      const agree = states.every(
        (state) => state.done === first!.done && state.value === first!.value,
      );
      if (!agree) throw new Error(`${kernel.name}: threads come to different barriers`);
      if (first!.done === true) break;
    }
  }
}

function buffersOf(
  statements: readonly Statement[],
  scope: "local" | "shared",
): (Statement & { readonly kind: "buffer" })[] {
  return statements.flatMap((s) => {
    if (s.kind === "buffer" && s.scope === scope) return [s];
    if (s.kind === "loop") return buffersOf(s.body, scope);
    if (s.kind === "if") return buffersOf([...s.whenTrue, ...s.whenFalse], scope);
    return [];
  });
}
