/**
 * Where the parameters of kernels lie: tensors and scratch memory in arenas, columns of the data and numbers of the step
 * in slots, and how many steps a loop around has done.
 */

import type { ColumnPlan } from "../../runtime/plan.ts";
import { invariant } from "../diagnostics/diagnostic.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt } from "../graph/extent.ts";
import type { Leaf, Value } from "../graph/node.ts";
import { elementType } from "../kernel/algebra.ts";
import type { Placement } from "../kernel/module.ts";
import type { Binding } from "./kernel-builder.ts";
import { isTaskOfRows, type LoopAround } from "./loop-levels.ts";
import {
  elementBytes,
  type Layout,
  type MemoryRules,
  type TemporaryLayout,
} from "./memory-plan.ts";
import { hasRows } from "./row-loops.ts";

/** The arenas that kernels of one graph find tensors in. */
export interface ArenaLayouts {
  readonly persistent: Layout<Value>;
  readonly temporaries: TemporaryLayout;
  readonly results: Layout<Value>;
}

/** Places the parameters of one graph's kernels, and knows then which columns the graph reads. */
export class Placements {
  readonly #layouts: ArenaLayouts;
  readonly #columns: readonly ColumnPlan[];
  readonly #rules: MemoryRules;
  readonly #columnsRead = new Set<number>();

  constructor(layouts: ArenaLayouts, columns: readonly ColumnPlan[], rules: MemoryRules) {
    this.#layouts = layouts;
    this.#columns = columns;
    this.#rules = rules;
  }

  /** Slots of the columns that were placed, ascending. */
  get columnsRead(): readonly number[] {
    return [...this.#columnsRead].sort((a, b) => a - b);
  }

  /** `around` are the loops that launches of the kernel are in, the outermost first. */
  place(binding: Binding, around: readonly LoopAround[]): Placement {
    if (binding.kind === "step") {
      return { kind: "step", depth: around.findIndex(({ loop }) => loop === binding.loop) };
    }
    const placement = this.#placeOf(binding);
    return isTaskOfRows(around) ? this.#ofTaskRows(placement, binding) : placement;
  }

  #placeOf(binding: Exclude<Binding, { kind: "step" }>): Placement {
    switch (binding.kind) {
      case "scalar":
        return { kind: "scalar", slot: scalarSlot(binding.leaf.node as Leaf) };
      case "column": {
        const { path } = binding.leaf.node as Leaf;
        const slot = this.#columns.findIndex(({ name }) => name === path);
        invariant(slot >= 0, `no column is called ${path}`);
        this.#columnsRead.add(slot);
        return { kind: "column", slot };
      }
      case "scratch": {
        const offset = this.#layouts.temporaries.offsets.get(binding.scratch)!;
        return { kind: "arena", arena: "temporaries", offset };
      }
      case "tensor":
        return this.#placeOfTensor(binding.value);
      case "tensorMap": {
        const { value, offset } = binding;
        const start = this.#placeOfTensor(value);
        return { ...start, offset: start.offset + offset * bytesPerElement[value.dtype] };
      }
    }
  }

  #placeOfTensor(value: Value): Placement & { readonly kind: "arena" } {
    const { persistent, temporaries, results } = this.#layouts;
    const result = results.offsets.get(value);
    if (result !== undefined) return { kind: "arena", arena: "results", offset: result };
    const kept = persistent.offsets.get(value);
    if (kept !== undefined) return { kind: "arena", arena: "persistent", offset: kept };
    const offset = temporaries.offsets.get(value);
    invariant(offset !== undefined, "a kernel reads a tensor that has no place");
    return { kind: "arena", arena: "temporaries", offset };
  }

  /** A place in memory where each row of the batch has its own part, or each task. */
  #ofTaskRows(placement: Placement, binding: Binding): Placement {
    if (placement.kind !== "arena" || binding.kind !== "tensor") return placement;
    const { shape, dtype } = binding.value;
    if (!hasRows(binding.value)) return placement;
    const taskBytes = this.#layouts.temporaries.taskBytes.get(binding.value);
    if (taskBytes !== undefined) return { ...placement, taskBytes };
    const row = elementsAt(shape.slice(1), 1);
    return { ...placement, rowBytes: row * elementBytes(elementType(dtype), this.#rules) };
  }
}

/** `hoistStepScalars` leaves no other numbers than its own, named by their slots. */
function scalarSlot({ role, path }: Leaf): number {
  const slot = Number(path);
  invariant(role === "scalar" && Number.isInteger(slot), `${role} ${path} was not hoisted`);
  return slot;
}
