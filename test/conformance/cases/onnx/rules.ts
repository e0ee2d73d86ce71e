/** Every operator of ONNX that the language can say. */

import { elementwiseRules } from "./elementwise.ts";
import type { Rules } from "./rule.ts";

export const onnxRules: Rules = {
  ...elementwiseRules,
};
