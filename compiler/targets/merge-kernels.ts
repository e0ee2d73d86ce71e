/**
 * What several kernels become parts of: names of its own for all that they name, one parameter for what is bound to one
 * place, and shared memory that parts have one after the other.
 */

import { BlockBuilder } from "../kernel/block-builder.ts";
import type { ElementType, Expression, Kernel, KernelParameter, Statement } from "../kernel/ir.ts";
import type { Launch, Placement } from "../kernel/module.ts";
import { renameKernel } from "../kernel/rename.ts";
import { mapStatements } from "../kernel/rewrite.ts";
import { namesIn } from "./legal-names.ts";

/** A kernel with what its parameters are bound to. */
export type Placed = Pick<Launch, "kernel" | "placements">;

/** What is printed of a buffer in another way than of others of its type; such do not share memory. */
export type VectorBuffers = (kernel: Kernel) => ReadonlySet<string>;

/** What a part finds in place of what it has as a kernel. */
export interface PartSymbols {
  /** The number of its task. */
  readonly task: Expression;
  /** Names of the steps of loops by their depth, where they are no parameters. */
  readonly steps?: ReadonlyMap<number, string>;
}

interface SharedBuffer {
  readonly name: string;
  readonly dtype: ElementType;
  readonly isVector: boolean;
  elements: number;
}

interface PlacedParameter {
  readonly parameter: KernelParameter;
  readonly placement: Placement;
}

export class MergedKernels {
  readonly builder = new BlockBuilder();
  readonly #vectorBuffers: VectorBuffers;
  /** Parameters by what they are bound to. */
  readonly #parameters = new Map<string, PlacedParameter>();
  readonly #shared: SharedBuffer[] = [];

  constructor(vectorBuffers: VectorBuffers) {
    this.#vectorBuffers = vectorBuffers;
  }

  get parameters(): KernelParameter[] {
    return [...this.#parameters.values()].map(({ parameter }) => parameter);
  }

  get placements(): Placement[] {
    return [...this.#parameters.values()].map(({ placement }) => placement);
  }

  get sharedBuffers(): Statement[] {
    return this.#shared.map(({ name, dtype, elements }) => ({
      kind: "buffer",
      name,
      scope: "shared",
      dtype,
      elements,
    }));
  }

  /** Gives names that a kernel has not either, for what stands in its body before it is adapted. */
  namesBeside({ body }: Kernel): (hint: string) => string {
    const own = new Set(namesIn(body));
    return (hint) => {
      for (;;) {
        const name = this.builder.name(hint);
        if (!own.has(name)) return name;
      }
    };
  }

  /** The body of a kernel as a part. Parts never run at the same time in a workgroup, so they use the same shared memory. */
  adapt({ kernel, placements }: Placed, { task, steps }: PartSymbols): Statement[] {
    const vectors = this.#vectorBuffers(kernel);
    const given = new Map<string, string>();
    kernel.parameters.forEach((parameter, i) => {
      const placement = placements[i]!;
      const step = placement.kind === "step" ? steps?.get(placement.depth) : undefined;
      given.set(parameter.name, step ?? this.#parameter({ parameter, placement }));
    });
    const taken = new Set<SharedBuffer>();
    const body = mapStatements(
      kernel.body,
      (e) => (e.kind === "symbol" && e.symbol === "task" ? task : e),
      (s) => {
        if (s.kind !== "buffer" || s.scope !== "shared") return s;
        given.set(s.name, this.#share(s, vectors.has(s.name), taken).name);
        return [];
      },
    );
    for (const name of namesIn(body)) given.set(name, this.builder.name(name));
    const renamed = renameKernel({ ...kernel, body }, (name) => given.get(name) ?? name);
    return [...renamed.body];
  }

  /** The name of what is bound to a place; parts that read and write it share it. */
  #parameter({ parameter, placement }: PlacedParameter): string {
    const key = JSON.stringify([placement, "dtype" in parameter ? parameter.dtype : null]);
    const known = this.#parameters.get(key);
    if (known === undefined) {
      const name = this.builder.name(parameter.name);
      this.#parameters.set(key, { parameter: { ...parameter, name }, placement });
      return name;
    }
    const { name } = known.parameter;
    if (parameter.kind !== "window" || known.parameter.kind !== "window") return name;
    const access = parameter.access === known.parameter.access ? parameter.access : "read_write";
    // Tensors that live one after the other may have one place.
    const elements = Math.max(parameter.elements, known.parameter.elements);
    this.#parameters.set(key, { parameter: { ...parameter, name, access, elements }, placement });
    return name;
  }

  #share(
    { name, dtype, elements }: Statement & { readonly kind: "buffer" },
    isVector: boolean,
    taken: Set<SharedBuffer>,
  ): SharedBuffer {
    const free = this.#shared.find(
      (buffer) => buffer.dtype === dtype && buffer.isVector === isVector && !taken.has(buffer),
    );
    const buffer = free ?? { name: this.builder.name(name), dtype, isVector, elements };
    if (free === undefined) this.#shared.push(buffer);
    buffer.elements = Math.max(buffer.elements, elements);
    taken.add(buffer);
    return buffer;
  }
}
