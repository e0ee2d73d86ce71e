/** Every operation of the `grad` folder that the language can say. */

import type { RuleTable } from "../case-rules.ts";
import { attentionRules } from "./attention.ts";
import { chainRules } from "./chains.ts";
import { ctcRules } from "./ctc.ts";
import { elementwiseRules } from "./elementwise.ts";
import { lookupRules } from "./lookups.ts";
import { lossRules } from "./losses.ts";
import { normRules } from "./norms.ts";
import { productRules } from "./products.ts";
import { recurrentRules } from "./recurrent.ts";
import { reductionRules } from "./reductions.ts";
import { resamplingRules } from "./resampling.ts";
import { shapeRules } from "./shapes.ts";
import { windowRules } from "./windows.ts";

export const gradRules: RuleTable = {
  ...elementwiseRules,
  ...productRules,
  ...reductionRules,
  ...lossRules,
  ...normRules,
  ...windowRules,
  ...shapeRules,
  ...lookupRules,
  ...resamplingRules,
  ...attentionRules,
  ...recurrentRules,
  ...ctcRules,
  ...chainRules,
};
