/** Weights and checkpoints of one model that was trained on several targets. */

import { expect } from "vitest";
import { readSafetensors } from "../../runtime/data/safetensors.ts";

/** No number of a tensor is farther from the other file's than `bound` of the largest of its tensor. */
export function expectCloseWeights(actual: Uint8Array, wanted: Uint8Array, bound: number): void {
  const [found, expected] = [readSafetensors(actual), readSafetensors(wanted)];
  expect([...found.tensors.keys()]).toEqual([...expected.tensors.keys()]);
  for (const [name, { shape, dtype, data }] of expected.tensors) {
    const tensor = found.tensors.get(name)!;
    expect(tensor, name).toMatchObject({ shape, dtype });
    const values = Array.from(data as ArrayLike<number>);
    const scale = Math.max(...values.map(Math.abs));
    const error = Math.max(...values.map((value, i) => Math.abs(Number(tensor.data[i]) - value)));
    expect(error, name).toBeLessThanOrEqual(bound * scale);
  }
}
