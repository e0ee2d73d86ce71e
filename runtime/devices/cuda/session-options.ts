/** A model and one variant of its kernels as the addon takes them. */

import { bytesPerElement, elementCount } from "../../data/column.ts";
import type { GraphPlan, TrainerPlan } from "../../plan.ts";
import { DeviceError } from "../device.ts";
import type { CudaKernel, CudaVariant } from "./cuda-program.ts";
import type { CudaChoice, CudaDeviceInfo, NativeCudaOptions } from "./native-cuda.ts";
import { type UnrolledLaunch, unrollLoops } from "./unroll-loops.ts";

/**
 * All but the image; graphs stand in the order of the plan's.
 * @throws DeviceError if the variant lacks a graph.
 */
export function sessionOptions(
  plan: TrainerPlan,
  variant: CudaVariant,
  device: Pick<CudaDeviceInfo, "isCooperative">,
): Omit<NativeCudaOptions, "image" | keyof CudaChoice> {
  const { model, arenas, batchMax, columns } = plan;
  const { kernels } = variant;
  return {
    model,
    kernels: kernels.map((kernel) => ({
      name: kernel.name,
      label: labelOf(kernel),
      threads: kernel.threads,
      sharedBytes: kernel.sharedBytes,
      isPersistent: kernel.isPersistent,
      isCooperative: kernel.isCooperative,
    })),
    graphs: Object.values(plan.graphs).map((graph) => ({
      name: graph.name,
      columns: graph.columns,
      scalars: graph.scalars,
      launches: launchesOf(graph, variant, device),
    })),
    persistentBytes: arenas.persistent,
    temporariesBytes: arenas.temporaries,
    resultsBytes: arenas.results,
    batchMax,
    rowBytes: columns.map(({ dtype, shape }) => elementCount(shape) * bytesPerElement(dtype)),
  };
}

function launchesOf(
  { name }: GraphPlan,
  variant: CudaVariant,
  { isCooperative }: Pick<CudaDeviceInfo, "isCooperative">,
): UnrolledLaunch[] {
  if (variant.graphs[name] === undefined) {
    throw new DeviceError(`the kernels lack the graph ${name}: rebuild with \`nnc build\``);
  }
  return unrollLoops(variant, name, isCooperative);
}

/** `dense_1_relu (dense_1: matmul, bias, relu; digits.nn:5:30)`. */
function labelOf({ name, computes, origins }: CudaKernel): string {
  const about = [listed(computes, "; "), listed(origins, ", ")].filter((text) => text !== "");
  return about.length === 0 ? name : `${name} (${about.join("; ")})`;
}

/** Of dozens of operations in one kernel the first few say enough in a message. */
function listed(parts: readonly string[], separator: string): string {
  const named = parts.slice(0, 4);
  const more = parts.length - named.length;
  return named.join(separator) + (more === 0 ? "" : ` and ${more} more`);
}
