/**
 * Small networks. Their formulas name layers in words, so each formula has its program here; whatever else a chain's
 * formula says is translated as it is written.
 */

import { float, type Rule, type RuleCase, type RuleTable, shapeOf, single } from "../case-rules.ts";
import { byFormula } from "./elementwise.ts";
import { lossRules } from "./losses.ts";
import { normRules } from "./norms.ts";
import { windowRules } from "./windows.ts";

const withConfig = (c: RuleCase, config: RuleCase["config"]): RuleCase => ({ ...c, config });

const programs: readonly (readonly [formula: RegExp, rule: Rule])[] = [
  [
    /^avgpool2\(silu\(batchnorm_train\(conv3x3\(x\), eps ([\d.e-]+)\)\)\)$/,
    (c) => {
      const [samples, , ...image] = shapeOf(c, "x");
      const shape = [samples!, shapeOf(c, "w")[0]!, ...image];
      const data = new Float64Array(0);
      const conv = windowRules.conv2d!({
        ...withConfig(c, {
          pads: [
            [1, 1],
            [1, 1],
          ],
        }),
        inputs: new Map([...c.inputs].filter(([name]) => name === "x" || name === "w")),
        outputs: new Map([["y", shape]]),
      });
      const epsilon = Number(/eps ([\d.e-]+)/.exec(c.formula)![1]);
      const norm = normRules.batchnorm_train!({
        ...withConfig(c, { epsilon }),
        inputs: new Map(
          ["x", "gamma", "beta"].map((name) => [
            name,
            { dtype: "f32", shape: name === "x" ? shape : [shape[1]!], data },
          ]),
        ),
        outputs: new Map([["y", shape]]),
      });
      const pool = windowRules.avgpool2d!(withConfig(c, { kernel: [2, 2] }));
      const renamed = (text: string) =>
        text
          .replaceAll(/\bx\b/g, "conv")
          .replaceAll(/\bgamma\b/g, "g")
          .replaceAll(/\bbeta\b/g, "b");
      return single(pool.outputs.y!, [
        ...(conv.statements ?? []),
        ...(norm.statements ?? []).map(renamed),
        `activated = silu(${renamed(norm.outputs.y!)})`,
        ...(pool.statements ?? []).map((text) => text.replaceAll(/\bx\[/g, "activated[")),
      ]);
    },
  ],
  [
    /^mean CE of a one-hidden-layer net$/,
    (c) => {
      const logits = [...shapeOf(c, "x").slice(0, 1), shapeOf(c, "w2")[1]!];
      const inputs = new Map([
        ...c.inputs,
        ["x", { dtype: "f32", shape: logits, data: [] }],
      ] as const);
      const loss = lossRules.cross_entropy!({ ...c, inputs });
      const ofLogits = (text: string) => text.replaceAll(/\bx\b/g, "logits");
      return single(ofLogits(loss.outputs.y!), [
        "logits = tanh(x @ w1 + b1) @ w2 + b2",
        ...(loss.statements ?? []).map(ofLogits),
      ]);
    },
  ],
  [
    /^BCE-with-logits of decoder\(mu \+ e\^\(lv\/2\) eps\) summed\/(\d+) \+ KL to N\(0,1\) summed\/\1$/,
    (c) => {
      const count = float(Number(/summed\/(\d+)/.exec(c.formula)![1]));
      return single(`(sum(softplus(z) - z * x) + 0.5 * sum(exp(lv) + mu^2 - 1 - lv)) / ${count}`, [
        "z = (mu + exp(lv / 2) * eps) @ w",
      ]);
    },
  ],
  [/^the same w in three layers$/, () => single("tanh(tanh(tanh(x @ w) @ w) @ w)")],
];

export const chainRules: RuleTable = {
  chain: (c) => (programs.find(([formula]) => formula.test(c.formula))?.[1] ?? byFormula)(c),
};
