/**
 * Totals of what the threads of a row have added up, in a fixed tree: the states of neighbours first, then those of
 * threads 2 apart, 4, 8 and so on, as `state[i] = combine(state[i], state[i + d])` for i a multiple of 2d. On targets
 * with subgroups the first levels are exchanges between registers; the order, and with it every bit, is the same.
 *
 * Reducers that carry an index choose the smaller of equal points themselves, so that it does not matter to
 * them that the points of a thread do not lie side by side.
 */

import {
  add,
  constant,
  convert,
  less,
  load,
  multiply,
  operation,
  place,
  quotient,
  remainder,
  shuffleDown,
  shuffleFirst,
  store,
  symbol,
  vectorOf,
  when,
} from "../../kernel/build.ts";
import type { ElementType, Expression } from "../../kernel/ir.ts";
import type { Accumulation } from "../accumulate.ts";
import type { KernelBuilder } from "../kernel-builder.ts";

/** The threads of a row. */
export interface RowThreads {
  /** Number of this thread among those of its row. */
  readonly lane: Expression;
  /** How many there are: a power of two. */
  readonly count: number;
  /** By how much the numbers of neighbours differ in the workgroup. */
  readonly stride: number;
  /** Threads of the workgroup, and those of the row's first thread. */
  readonly groupThreads: number;
  readonly firstThread: Expression;
}

/** What subgroups may be used for. */
export interface TreeOptions {
  readonly withSubgroups: boolean;
  /** Threads of every subgroup; null where devices differ. */
  readonly subgroupThreads: number | null;
}

export class RowTree {
  readonly #builder: KernelBuilder;
  readonly #threads: RowThreads;
  readonly #withSubgroups: boolean;
  readonly #subgroupThreads: number | null;
  /** Shared memory by type: each row of threads has an element for every thread of the workgroup. */
  readonly #buffers = new Map<string, string>();
  #isUsed = false;

  constructor(
    builder: KernelBuilder,
    threads: RowThreads,
    { withSubgroups, subgroupThreads }: TreeOptions,
  ) {
    this.#builder = builder;
    this.#threads = threads;
    this.#withSubgroups = withSubgroups && threads.stride === 1;
    this.#subgroupThreads = this.#withSubgroups ? subgroupThreads : null;
  }

  /** Whether the threads of a row meet at barriers to combine their totals. */
  get hasBarriers(): boolean {
    return this.#subgroupThreads === null || this.#threads.count > this.#subgroupThreads;
  }

  /** A buffer for each field: by its type, and its number among the fields of that type. */
  #buffersFor(
    dtypes: readonly ElementType[],
    elements = this.#threads.groupThreads,
  ): readonly string[] {
    const seen = new Map<ElementType, number>();
    return dtypes.map((dtype) => {
      const number = seen.get(dtype) ?? 0;
      seen.set(dtype, number + 1);
      const known = this.#buffers.get(`${dtype} ${number}`);
      if (known !== undefined) return known;
      const name = this.#builder.name(`totals_${dtype}`);
      this.#builder.emit({ kind: "buffer", name, scope: "shared", dtype, elements });
      this.#buffers.set(`${dtype} ${number}`, name);
      return name;
    });
  }

  /**
   * Combines the states of all threads of the row; every thread gets those of the whole row. All threads of the
   * workgroup have to come here, and what they stored before can be read afterwards.
   */
  combine(totals: readonly Accumulation[]): readonly (readonly Expression[])[] {
    const builder = this.#builder;
    const { count, lane, stride, firstThread } = this.#threads;
    if (count === 1) return totals.map(({ fields }) => fields);
    if (this.#subgroupThreads !== null) return this.#combineFixed(totals, this.#subgroupThreads);
    if (this.#withSubgroups) this.#combineSubgroups(totals);
    const thread = symbol("thread");
    const types = totals.map(({ fields }) => fields.map(({ type }) => type.dtype));
    const buffers = this.#buffersFor(types.flat());
    const at = (index: Expression): Expression[][] => {
      let next = 0;
      return types.map((dtypes) =>
        dtypes.map((dtype) => {
          const buffer = buffers[next++]!;
          return builder.let("part", load(place(buffer, index), vectorOf(dtype, 1)));
        }),
      );
    };
    const put = (states: readonly (readonly Expression[])[]): void =>
      states.flat().forEach((field, i) => {
        builder.emit(store(place(buffers[i]!, thread), field));
      });

    // Others may still read the totals of the pass before.
    if (this.#isUsed) builder.emit({ kind: "barrier" });
    this.#isUsed = true;
    put(totals.map(({ fields }) => fields));
    builder.loop("level", constant(0), constant(Math.log2(count)), (level) => {
      const distance = builder.let("distance", operation("shiftLeft", constant(1), level));
      const combineLevel = (): void => {
        builder.emit({ kind: "barrier" });
        const mask = add(multiply(distance, constant(2)), constant(-1));
        const isLeft = operation("equal", operation("and", lane, mask), constant(0));
        const combining = builder.block(() => {
          const left = at(thread);
          const right = at(add(thread, multiply(distance, constant(stride))));
          put(totals.map((total, i) => total.combineFields(left[i]!, right[i]!)));
        });
        builder.emit(when(isLeft, combining));
      };
      if (!this.#withSubgroups) {
        combineLevel();
        return;
      }
      const isBeyond = operation("greaterEqual", distance, symbol("subgroup"));
      builder.emit(when(isBeyond, builder.block(combineLevel)));
    });
    builder.emit({ kind: "barrier" });
    return at(firstThread);
  }

  #fromFirst(field: Expression, count: number): Expression {
    return this.#builder.let("total", shuffleFirst(field, count));
  }

  /** Devices exchange numbers only: WGSL's `subgroupShuffleDown` takes no bool. */
  #fromNeighbour(field: Expression, distance: number): Expression {
    const { dtype } = field.type;
    const number = dtype === "bool" ? convert(field, "i32") : field;
    return convert(this.#builder.let("other", shuffleDown(number, distance)), dtype);
  }

  /**
   * Where all subgroups have as many threads: each combines its own in registers. A row of several has their states go
   * through shared memory, a place each, and every thread combines them: one barrier instead of one a level.
   */
  #combineFixed(
    totals: readonly Accumulation[],
    subgroupThreads: number,
  ): readonly (readonly Expression[])[] {
    const builder = this.#builder;
    const { count, firstThread, groupThreads } = this.#threads;
    const within = Math.min(count, subgroupThreads);
    const named = (fields: readonly Expression[]) =>
      fields.map((field) => builder.let("level", field));
    const combined = totals.map((total) => {
      let fields = total.fields;
      for (let distance = 1; distance < within; distance *= 2) {
        const right = fields.map((field) => this.#fromNeighbour(field, distance));
        fields = named(total.combineFields(fields, right));
      }
      return fields;
    });
    if (count === within) {
      return combined.map((fields) => fields.map((field) => this.#fromFirst(field, count)));
    }
    const buffers = this.#buffersFor(
      combined.flat().map(({ type }) => type.dtype),
      groupThreads / subgroupThreads,
    );
    // Others may still read the totals of the pass before.
    if (this.#isUsed) builder.emit({ kind: "barrier" });
    this.#isUsed = true;
    const thread = symbol("thread");
    const isLeader = operation("equal", remainder(thread, subgroupThreads), constant(0));
    const leading = builder.block(() => {
      combined.flat().forEach((field, i) => {
        builder.emit(store(place(buffers[i]!, quotient(thread, subgroupThreads)), field));
      });
    });
    builder.emit(when(isLeader, leading), { kind: "barrier" });
    const first = builder.let("subgroup", quotient(firstThread, subgroupThreads));
    let next = 0;
    return totals.map((total, i) => {
      const own = buffers.slice(next, next + combined[i]!.length);
      next += own.length;
      let states = Array.from({ length: count / subgroupThreads }, (_, s) =>
        combined[i]!.map(({ type }, f) =>
          builder.let("part", load(place(own[f]!, add(first, constant(s))), type)),
        ),
      );
      while (states.length > 1) {
        const before = states;
        states = Array.from({ length: before.length / 2 }, (_, s) =>
          named(total.combineFields(before[2 * s]!, before[2 * s + 1]!)),
        );
      }
      return states[0]!;
    });
  }

  /** The levels within subgroups, whatever their size. */
  #combineSubgroups(totals: readonly Accumulation[]): void {
    const builder = this.#builder;
    for (let distance = 1; distance < this.#threads.count; distance *= 2) {
      if (distance >= largestSubgroup) return;
      const level = builder.block(() => {
        for (const total of totals) {
          const { fields } = total;
          const right = fields.map((field) => this.#fromNeighbour(field, distance));
          total.assignFields(total.combineFields(fields, right));
        }
      });
      builder.emit(when(less(constant(distance), symbol("subgroup")), level));
    }
  }
}

/** No device has larger ones: WebGPU allows 4 to 128 threads. */
const largestSubgroup = 128;
