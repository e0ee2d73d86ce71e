/** onnxruntime-node: forward passes of the ONNX file that bench/cpu/onnx-model.ts writes. */

import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";

/** `x` has its channels first. */
export async function open({ folder, file, x, shape, threads }) {
  const session = await InferenceSession.create(join(folder, file), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const feeds = { x: new Tensor("float32", x, shape) };
  let y;
  return {
    async run(count) {
      for (let i = 0; i < count; i++) ({ y } = await session.run(feeds));
    },
    outputs: async () => y.data,
  };
}
