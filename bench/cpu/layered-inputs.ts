/** A prepared job's batch and weights, layer by layer. */

import { type Inputs, namedKernels, type Workload } from "../inputs.ts";
import { readArray, readInputs } from "./prepare.ts";

export function layeredInputs(folder: string, workload: Workload): Inputs {
  const { x, y, weights } = readInputs(folder);
  const read = (name: string) => {
    const stored = weights[name];
    if (stored === undefined) throw new Error(`the model has no ${name}`);
    return readArray(folder, stored) as Float32Array<ArrayBuffer>;
  };
  return {
    x: readArray(folder, x) as Float32Array<ArrayBuffer>,
    y: readArray(folder, y) as Int32Array<ArrayBuffer>,
    layers: namedKernels(workload).map(({ name, shape }) => ({
      name,
      shape,
      kernel: read(`${name}/kernel`),
      bias: read(`${name}/bias`),
    })),
  };
}
