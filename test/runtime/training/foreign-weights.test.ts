/** Weights that other programs wrote, and other models. */

import { expect, it } from "vitest";
import { writeSafetensors } from "../../../runtime/data/safetensors.ts";
import { nodeStorage } from "../../../runtime/storage/node-storage.ts";
import { Trainer } from "../../../runtime/training/trainer.ts";
import { FakeDevice, lineDefinition } from "./fake-model.ts";

it("weights in another element type are to be converted, not left out", async () => {
  const definition = lineDefinition();
  const device = new FakeDevice(definition);
  const trainer = await Trainer.create(definition, device, undefined, nodeStorage);
  const { shape } = definition.plan.tensors.find(({ name }) => name === "Line/w")!;
  const data = new Float64Array(shape.reduce((count, extent) => count * extent, 1));
  const bytes = writeSafetensors(new Map([["Line/w", { dtype: "F64", shape, data }]]));
  const message =
    `w.safetensors: expected a tensor Line/w: F32[${shape.join(", ")}], found F64[${shape.join(", ")}] ` +
    "(convert it where the file is written, in NumPy by `astype`)";
  await expect(trainer.setWeights(bytes, "w.safetensors")).rejects.toThrow(message);
  await expect(trainer.setMatchingWeights(bytes, "w.safetensors")).rejects.toThrow(message);
});

it("parts that the model does not have are not looked for", async () => {
  const definition = lineDefinition();
  const device = new FakeDevice(definition);
  const trainer = await Trainer.create(definition, device, undefined, nodeStorage);
  const bytes = await trainer.weights();
  await expect(
    trainer.setMatchingWeights(bytes, "w.safetensors", { Lines: "Old" }),
  ).rejects.toMatchObject({
    message: "model Line has no part Lines",
    hint: expect.stringContaining("such as Line/"),
  });
});
