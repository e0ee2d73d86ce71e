/** Every operator of ONNX that the language can say. */

import { attentionRules } from "./attention.ts";
import { convolutionRules } from "./convolution.ts";
import { elementwiseRules } from "./elementwise.ts";
import { gridRules } from "./grids.ts";
import { indexingRules } from "./indexing.ts";
import { lossRules } from "./losses.ts";
import { normalizationRules } from "./normalization.ts";
import { poolingRules } from "./pooling.ts";
import { productRules } from "./products.ts";
import { recurrentRules } from "./recurrent.ts";
import { reductionRules } from "./reductions.ts";
import { resamplingRules } from "./resampling.ts";
import type { Rules } from "./rule.ts";
import { shapeRules } from "./shapes.ts";
import { signalRules } from "./signals.ts";
import { trainingRules } from "./training.ts";

export const onnxRules: Rules = {
  ...elementwiseRules,
  ...attentionRules,
  ...convolutionRules,
  ...gridRules,
  ...lossRules,
  ...normalizationRules,
  ...poolingRules,
  ...recurrentRules,
  ...resamplingRules,
  ...trainingRules,
  ...shapeRules,
  ...reductionRules,
  ...indexingRules,
  ...productRules,
  ...signalRules,
};
