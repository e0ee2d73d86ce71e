/** A random program on a device, with made-up data: runs its graphs, and knows what the interpreter makes of them. */

import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { elementsAt } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Leaf, LeafRole, Value } from "../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { roundForReference } from "../../compiler/optimize/reference-precision.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { createArray, elementCount, type TensorData } from "../../runtime/data/column.ts";
import type { Device } from "../../runtime/devices/device.ts";
import { type CompiledCase, roundedOperands } from "./program-library.ts";

const SEED = 7;

export interface RandomProgram {
  readonly program: LoweredProgram;
  /** Rows of the partial batches, at most `batchMax`. */
  readonly n: number;
  /** Of each column of labels, how many classes there are. */
  readonly classes?: Readonly<Record<string, number>>;
  /** Shown when it fails. */
  readonly text: string;
}

/** Results by name, and assigned tensors by path with an arrow. */
export type Numbers = ReadonlyMap<string, ArrayLike<number>>;

export type Expectation = (disturbance?: number, draw?: number) => Numbers;

export class Session {
  readonly #compiled: CompiledCase;
  readonly #device: Device;
  readonly #partial: number;
  readonly #columns: ReadonlyMap<string, TensorData>;
  #batch = 0;

  private constructor(
    compiled: CompiledCase,
    device: Device,
    partial: number,
    columns: ReadonlyMap<string, TensorData>,
  ) {
    this.#compiled = compiled;
    this.#device = device;
    this.#partial = partial;
    this.#columns = columns;
  }

  /** The device is the session's from here on. */
  static async create(
    compiled: CompiledCase,
    device: Device,
    { n, classes = {} }: RandomProgram,
  ): Promise<Session> {
    const { plan } = compiled;
    const columns = new Map<string, TensorData>();
    const rows = 2 * plan.batchMax;
    for (const [slot, { name, dtype, shape }] of plan.columns.entries()) {
      const range = classes[name] ?? (dtype === "bool" ? 2 : 256);
      const data = createArray(dtype, rows * elementCount(shape));
      numbersOf(`column ${name}`, data.length).forEach((x, i) => {
        data[i] = dtype === "f32" ? x : Math.floor(((x + 1) / 2) * range);
      });
      columns.set(name, data);
      await device.bindColumn(slot, { name, dtype, shape, rows, data });
    }
    const session = new Session(compiled, device, n, columns);
    await session.#initialize();
    return session;
  }

  /** Runs one batch: the first one is full, all others are partial. */
  async run(stage: string): Promise<void> {
    const { passes } = this.#compiled;
    const rows = this.#rows();
    const counters = this.#counters();
    const { results } = interpret(passes.stepScalars.get(stage)!, {
      n: rows.length,
      leaf: (role, path) => this.#number(role, path, counters),
    });
    await this.#device.run({
      graph: stage,
      rows,
      batchSize: rows.length,
      scalars: Float32Array.from([...results.values()].map((data) => data[0]!)),
      seed: SEED,
      firstBatch: this.#batch,
    });
    this.#batch++;
  }

  /**
   * What the interpreter says that `run` will give, from the numbers that the device has now. A disturbance moves these
   * by at most that share of each, other ways in each draw.
   */
  async expectation(stage: string): Promise<Expectation> {
    const { plan } = this.#compiled;
    const read = plan.tensors.map(
      async ({ name }) => [name, await this.#device.read(name)] as const,
    );
    const tensors = new Map(await Promise.all(read));
    const rows = this.#rows();
    const counters = this.#counters();
    const graph = this.#reference(stage);
    return (disturbance = 0, draw = 0) => {
      const disturbed = (path: string, data: ArrayLike<number>): ArrayLike<number> => {
        if (disturbance === 0 || isOfScaling(path)) return data;
        const away = numbersOf(`disturbance ${draw} of ${path}`, data.length);
        return Float64Array.from(data, (x, i) => x * (1 + disturbance * away[i]!));
      };
      const { results, assignments } = interpret(graph, {
        n: rows.length,
        seed: SEED,
        batch: counters.batch,
        leaf: (role, path) => {
          if (role === "input") {
            const data = this.#gather(path, rows);
            return this.#columns.get(path) instanceof Float32Array ? disturbed(path, data) : data;
          }
          if (role === "param" || role === "state") return disturbed(path, tensors.get(path)!);
          return this.#number(role, path, counters);
        },
      });
      const assigned = assignments.map(
        ({ target, data }) => [`${pathOf(target)} <-`, data] as const,
      );
      return new Map([...results, ...assigned]);
    };
  }

  /** What a stage assigns to, as it is now. */
  async assigned(stage: string): Promise<ReadonlyMap<string, TensorData>> {
    const assigned = this.#graph(stage).assignments.map(async ({ target }) => {
      const path = pathOf(target);
      return [`${path} <-`, await this.#device.read(path)] as const;
    });
    return new Map(await Promise.all(assigned));
  }

  /** What the stage that ran last gave. */
  async actual(stage: string): Promise<ReadonlyMap<string, TensorData>> {
    const { program, passes } = this.#compiled;
    const scheduled = passes.scheduled.graphs.find(({ name }) => name === stage)!;
    const n = this.#batch === 1 ? program.batchMax : this.#partial;
    const results = scheduled.results.map(async ({ name, value }, index) => {
      const data = await this.#device.readResult(stage, index);
      return [name, data.subarray(0, elementsAt(value.shape, n))] as const;
    });
    return new Map([...(await Promise.all(results)), ...(await this.assigned(stage))]);
  }

  dispose(): void {
    this.#device.dispose();
  }

  async #initialize(): Promise<void> {
    const { program, plan } = this.#compiled;
    const statistics = new Set(program.statistics.map(({ state }) => state));
    const initial = interpret(program.init, { n: 1, seed: SEED, leaf: () => [] }).results;
    for (const { name, role, dtype, shape } of plan.tensors) {
      const data = createArray(dtype, elementCount(shape));
      const known = initial.get(name);
      // Slots as if training had gone on for long: at zero, tiny gradients would decide where a step goes. Statistics
      // as of data of that size: divided by no variance at all, everything would overflow. Losses are scaled as at first.
      if ((role === "slot" && !isOfScaling(name)) || statistics.has(name))
        data.set(numbersOf(name, data.length).map((x) => 0.75 + x / 2));
      else data.set(known ?? numbersOf(name, data.length));
      await this.#device.write(name, data);
    }
  }

  /** Rows from the end, in an order of their own, so that the gather is tested. */
  #rows(): Int32Array {
    const { batchMax } = this.#compiled.plan;
    return Int32Array.from(
      { length: this.#batch === 0 ? batchMax : this.#partial },
      (_, i) => 2 * batchMax - 1 - ((i * 3 + this.#batch) % (2 * batchMax)),
    );
  }

  #counters(): Counters {
    return { t: this.#batch + 1, batch: this.#batch };
  }

  #graph(stage: string): Graph {
    const { predict, training, statistics } = this.#compiled.program;
    const others = [predict, training!.train, training!.evaluate, ...statistics.map((s) => s.body)];
    return others.find(({ name }) => name === stage)!;
  }

  /** As it was lowered; where the target rounds what it multiplies, simplified and rounded alike. */
  #reference(stage: string): Graph {
    const { program, target } = this.#compiled;
    const { context } = program;
    const graph = this.#graph(stage);
    if (roundedOperands(target) === null) return differentiate(context, graph);
    const simplified = simplify(context, differentiate(context, canonicalise(context, graph)));
    return roundForReference(context, simplified, target);
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
}

interface Counters {
  readonly t: number;
  readonly batch: number;
}

function pathOf({ node }: Value): string {
  return (node as Leaf).path;
}

/** Whether a state is one of those that f16's losses are scaled by. */
function isOfScaling(path: string): boolean {
  return path.startsWith("loss_scale/");
}

/** From −1 to 1; the same for the same name. */
function numbersOf(name: string, length: number): Float32Array {
  const stream = hash32(name);
  return Float32Array.from({ length }, (_, i) => 2 * uniformAt(SEED, stream, 0, i) - 1);
}
