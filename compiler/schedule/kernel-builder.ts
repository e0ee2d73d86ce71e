/**
 * Makes one kernel: hands out names, turns graph values into parameters (memory that is read and written by
 * the same kernel is one parameter), and collects statements into nested blocks. Schedules describe loops
 * with it; the memory plan later resolves what each parameter is bound to.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { type Affine, addAffine, scaleAffine, zeroAffine } from "../graph/affine.ts";
import { elementsAt, type Shape, sizeAt, stackedAxis } from "../graph/extent.ts";
import type { Leaf, Value } from "../graph/node.ts";
import type { Supports } from "../graph/support.ts";
import { elementType } from "../kernel/algebra.ts";
import { BlockBuilder, identifier } from "../kernel/block-builder.ts";
import { f32, variable } from "../kernel/build.ts";
import type {
  Access,
  ElementType,
  Expression,
  Kernel,
  KernelComment,
  KernelParameter,
  TensorMapParameter,
} from "../kernel/ir.ts";
import { nameSteps, stepsIn } from "./step-parameters.ts";

/** Memory that a kernel needs beside graph values: partial results, packed operands. Known by identity. */
export interface Scratch {
  readonly name: string;
  readonly dtype: ElementType;
  readonly elements: number;
}

/** What a parameter stands for, in the order of the kernel's parameters. */
export type Binding =
  | { readonly kind: "tensor"; readonly value: Value }
  | { readonly kind: "column"; readonly leaf: Value }
  | { readonly kind: "scalar"; readonly leaf: Value }
  /** The number of the iteration of that loop. */
  | { readonly kind: "step"; readonly loop: number }
  | { readonly kind: "scratch"; readonly scratch: Scratch }
  /** Memory of a value from element `offset` on, read by boxes. */
  | { readonly kind: "tensorMap"; readonly value: Value; readonly offset: number };

/** A kernel with what its parameters stand for: one launch. */
export interface ScheduledKernel {
  readonly kernel: Kernel;
  readonly bindings: readonly Binding[];
}

/** Where a value lies. */
export interface ValuePlace {
  /** The value whose memory it is: a param that it is assigned to, what a loop carries or stacks, or itself. */
  readonly memory: Value;
  /** Which place it takes along the stacked axis of that memory; null if it is all of it. */
  readonly stacked: Affine | null;
}

/** What all kernels of one graph, or of the body of a loop, share. */
export interface Surroundings {
  readonly placeOf: (value: Value) => ValuePlace;
  /** What indexes alone say of the values' elements. */
  readonly supports: Supports;
  /** The largest N. */
  readonly batchMax: number;
  /** An identifier for a value, from the model's names. */
  readonly nameOf: (value: Value) => string;
  /** Whether tasks take some rows of the batch through these kernels, as if there were no others. */
  readonly takesRows: boolean;
  /** How often a step runs them: in each iteration of the loops around, by each task that takes rows. */
  readonly times: number;
}

/** Row-major strides in elements at N = Nmax. */
export function stridesOf(shape: Shape, batchMax: number): number[] {
  const strides = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) {
    strides[d] = strides[d + 1]! * sizeAt(shape[d + 1]!, batchMax);
  }
  return strides;
}

/** Whether a leaf is a number that the trainer uploads for every step. */
export function isStepScalar(leaf: Leaf): boolean {
  return leaf.role === "hyper" || leaf.role === "counter" || leaf.role === "scalar";
}

export class KernelBuilder extends BlockBuilder {
  readonly surroundings: Surroundings;
  readonly #parameters: KernelParameter[] = [];
  readonly #bindings: Binding[] = [];
  readonly #byMemory = new Map<Value | Scratch, number>();

  constructor(surroundings: Surroundings) {
    super();
    this.surroundings = surroundings;
  }

  get batchMax(): number {
    return this.surroundings.batchMax;
  }

  // Parameters

  /** The parameter through which a value's memory is accessed: a window, or a column for a model input. */
  buffer(value: Value, access: Access): string {
    const { node } = value;
    if (node.kind === "leaf") {
      invariant(!isStepScalar(node), `${node.path} is a step scalar, not memory`);
      invariant(node.role !== "gradient", `${node.path} has no derivative yet`);
      if (node.role === "input") return this.#column(value);
    }
    const { memory } = this.surroundings.placeOf(value);
    return this.#window(
      memory,
      { kind: "tensor", value: memory },
      access,
      elementType(value.dtype),
      elementsAt(memory.shape, this.batchMax),
      this.surroundings.nameOf(memory),
    );
  }

  /** Where in that memory an element of the value is. */
  indexOf(value: Value, index: readonly Affine[]): LinearIndex {
    const { memory, stacked } = this.surroundings.placeOf(value);
    if (stacked === null) return linearIndex(value, index, this.batchMax);
    const place = index.toSpliced(stackedAxis(value.shape), 0, stacked);
    return linearIndex(memory, place, this.batchMax);
  }

  scratch(scratch: Scratch, access: Access): string {
    const { dtype, elements, name } = scratch;
    return this.#window(scratch, { kind: "scratch", scratch }, access, dtype, elements, name);
  }

  /**
   * A parameter through which boxes of a value's memory are copied, from element `offset` on, beside the window that the
   * value may have. For values in arenas only: columns are gathered.
   */
  tensorMap(
    value: Value,
    offset: number,
    box: Omit<TensorMapParameter, "kind" | "name" | "dtype" | "elements">,
  ): string {
    const { node } = value;
    invariant(node.kind !== "leaf" || node.role !== "input", "a tensor map of a column");
    const { memory } = this.surroundings.placeOf(value);
    const name = this.name(`${this.surroundings.nameOf(memory)}_boxes`);
    const dtype = elementType(value.dtype);
    const elements = elementsAt(memory.shape, this.batchMax) - offset;
    this.#parameters.push({ kind: "tensorMap", name, dtype, elements, ...box });
    this.#bindings.push({ kind: "tensorMap", value: memory, offset });
    return name;
  }

  /** A step scalar's value. */
  scalar(leaf: Value): Expression {
    const known = this.#byMemory.get(leaf);
    if (known !== undefined) return variable(this.#parameters[known]!.name, f32);
    const name = this.name(this.surroundings.nameOf(leaf));
    this.#add(leaf, { kind: "scalar", name }, { kind: "scalar", leaf });
    return variable(name, f32);
  }

  #column(leaf: Value): string {
    const known = this.#byMemory.get(leaf);
    if (known !== undefined) return this.#parameters[known]!.name;
    const name = this.name(this.surroundings.nameOf(leaf));
    const rowElements = elementsAt(leaf.shape.slice(1), this.batchMax);
    this.#add(
      leaf,
      { kind: "column", name, dtype: elementType(leaf.dtype), rowElements },
      { kind: "column", leaf },
    );
    return name;
  }

  #window(
    memory: Value | Scratch,
    binding: Binding,
    access: Access,
    dtype: ElementType,
    elements: number,
    hint: string,
  ): string {
    const known = this.#byMemory.get(memory);
    if (known === undefined) {
      const name = this.name(hint);
      this.#add(memory, { kind: "window", name, dtype, access, elements }, binding);
      return name;
    }
    const parameter = this.#parameters[known]!;
    invariant(parameter.kind === "window", `${parameter.name} is not a window`);
    if (parameter.access !== access) {
      this.#parameters[known] = { ...parameter, access: "read_write" };
    }
    return parameter.name;
  }

  #add(memory: Value | Scratch, parameter: KernelParameter, binding: Binding): void {
    this.#byMemory.set(memory, this.#parameters.length);
    this.#parameters.push(parameter);
    this.#bindings.push(binding);
  }

  /** The kernel of all statements emitted outside blocks, for tasks of so many threads. */
  finish(name: string, tasks: Expression, comment: KernelComment, threads = 1): ScheduledKernel {
    const steps = new Map(stepsIn(this.statements).map((loop) => [loop, this.name("t")]));
    for (const [loop, step] of steps) {
      this.#parameters.push({ kind: "step", name: step });
      this.#bindings.push({ kind: "step", loop });
    }
    return {
      kernel: {
        name: identifier(name),
        comment,
        parameters: this.#parameters,
        tasks,
        threads,
        body: nameSteps(this.statements, steps),
      },
      bindings: this.#bindings,
    };
  }
}

/**
 * Where an element of a value lies: `offset` in elements of its window; for a model input `row` of the batch
 * and `offset` within the row. Both are affines of the axes of the loading node.
 */
export interface LinearIndex {
  readonly row: Affine | null;
  readonly offset: Affine;
}

function linearIndex(value: Value, index: readonly Affine[], batchMax: number): LinearIndex {
  const strides = stridesOf(value.shape, batchMax);
  const isColumn = value.node.kind === "leaf" && value.node.role === "input";
  let offset = zeroAffine;
  index.forEach((at, d) => {
    if (!(isColumn && d === 0)) offset = addAffine(offset, scaleAffine(at, strides[d]!));
  });
  return { row: isColumn ? index[0]! : null, offset };
}
