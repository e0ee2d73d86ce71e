import { expect, test } from "vitest";
import {
  flopsPerStep,
  makeInputs,
  product,
  shapedLayers,
  type Workload,
  workloads,
} from "../../bench/inputs.ts";

function workload(name: string): Workload {
  return workloads.find((known) => known.name === name)!;
}

test("shapes go from layer to layer", () => {
  const shapes = shapedLayers(workload("cnn_big")).map(({ to }) => to);
  expect(shapes).toEqual([
    [26, 26, 32],
    [13, 13, 32],
    [11, 11, 64],
    [5, 5, 64],
    [1600],
    [64],
    [10],
  ]);
});

test("a step's FLOPs are those of its products, without the gradient of the data", () => {
  const { batch } = workload("mlp_small");
  expect(flopsPerStep(workload("mlp_small"))).toBe(2 * batch * (2 * 784 * 32 + 3 * 32 * 10));
});

test.each(["mlp_small", "cnn_small"])("%s has inputs and weights of its shapes", (name) => {
  const own = workload(name);
  const inputs = makeInputs(own);
  expect(inputs.x).toHaveLength(own.batch * product(own.input));
  expect(inputs.y).toHaveLength(own.batch);
  for (const { kernel, bias, shape } of inputs.layers) {
    expect(kernel).toHaveLength(product(shape));
    expect(bias).toHaveLength(shape.at(-1)!);
  }
  expect(Buffer.from(makeInputs(own).x.buffer).equals(Buffer.from(inputs.x.buffer))).toBe(true);
});
