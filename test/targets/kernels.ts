/** Small kernels and modules of them, for tests of printers. */

import { constant } from "../../compiler/kernel/build.ts";
import type {
  ElementType,
  Expression,
  Kernel,
  KernelParameter,
  Statement,
} from "../../compiler/kernel/ir.ts";
import type { KernelModule, Launch, Placement } from "../../compiler/kernel/module.ts";
import { verifyModule } from "../../compiler/kernel/verify.ts";

/** What a parameter is, and what it is bound to. */
export type Bound = readonly [parameter: KernelParameter, placement: Placement];

export function input(name: string, dtype: ElementType, elements: number, offset: number): Bound {
  return [
    { kind: "window", name, dtype, access: "read", elements },
    { kind: "arena", arena: "persistent", offset },
  ];
}

export function output(name: string, dtype: ElementType, elements: number, offset = 0): Bound {
  return [
    { kind: "window", name, dtype, access: "write", elements },
    { kind: "arena", arena: "results", offset },
  ];
}

export function updated(name: string, dtype: ElementType, elements: number, offset: number): Bound {
  return [
    { kind: "window", name, dtype, access: "read_write", elements },
    { kind: "arena", arena: "persistent", offset },
  ];
}

export function column(name: string, dtype: ElementType, rowElements: number, slot: number): Bound {
  return [
    { kind: "column", name, dtype, rowElements },
    { kind: "column", slot },
  ];
}

export function scalar(name: string, slot: number): Bound {
  return [
    { kind: "scalar", name },
    { kind: "scalar", slot },
  ];
}

export interface LaunchOptions {
  readonly name?: string;
  readonly tasks?: Expression;
  readonly threads?: number;
  readonly withPrevious?: boolean;
}

export function launch(
  parameters: readonly Bound[],
  body: readonly Statement[],
  { name = "test", tasks = constant(1), threads = 1, withPrevious = false }: LaunchOptions = {},
): Launch {
  const kernel: Kernel = {
    name,
    comment: { lines: ["what is tested"], sources: ["test.nn:1"], flops: 1, bytes: 2 },
    parameters: parameters.map(([parameter]) => parameter),
    tasks,
    threads,
    body,
  };
  const placements = parameters.map(([, placement]) => placement);
  return { kernel, placements, isParallel: true, withPrevious };
}

export function moduleOf(...launches: readonly Launch[]): KernelModule {
  const module = {
    model: "Test",
    functions: [{ graph: "predict", symbol: "nnc_predict", launches, loops: [] }],
  };
  verifyModule(module);
  return module;
}
