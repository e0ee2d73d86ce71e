/** The networks of the `optim` folder: their formulas name layers in words, so each has its program here. */

import { NotExpressible } from "../case-program.ts";
import { layerNorm, multiHead } from "../grad/attention.ts";
import { lstm } from "../grad/recurrent.ts";

export interface NetCase {
  readonly formula: string;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

export interface NetProgram {
  readonly statements: readonly string[];
  readonly loss: string;
}

type Net = (c: NetCase) => NetProgram;

const shapeOf = ({ shapes }: NetCase, name: string): readonly number[] => {
  const shape = shapes.get(name);
  if (shape === undefined) throw new NotExpressible(`a network without ${name}`);
  return shape;
};

const activation = (name: string): string => {
  if (!["tanh", "relu", "sigmoid", "softplus", "gelu", "silu"].includes(name)) {
    throw new NotExpressible(`the activation ${name}`);
  }
  return name;
};

const nets: readonly (readonly [formula: RegExp, net: (match: RegExpExecArray) => Net])[] = [
  [
    /^mean CE\((\w+)\(x w1 \+ b1\) w2 \+ b2, t\)/,
    ([, fn]) =>
      (c) => ({
        statements: [
          `logp = log_softmax(${activation(fn!)}(x @ w1 + b1) @ w2 + b2)`,
          `picked[n < ${shapeOf(c, "t")[0]}] = sum[k < ${shapeOf(c, "w2")[1]}] (if t[n] == k then logp[n, k] else 0.0)`,
        ],
        loss: "mean(-picked)",
      }),
  ],
  [
    /^huber\(delta ([\d.]+), mean\) of (\w+)\(x w1 \+ b1\) w2 \+ b2/,
    ([, delta, fn]) =>
      () => ({
        statements: [
          `prediction = ${activation(fn!)}(x @ w1 + b1) @ w2 + b2`,
          "e = abs(prediction[:, 0] - t)",
        ],
        loss: `mean(if e <= ${delta} then 0.5 * e^2 else ${delta} * (e - 0.5 * ${delta}))`,
      }),
  ],
  [
    /^h = LN\(x \+ MHA\(x\)\); h \+= gelu\(h w1 \+ b1\) w2 \+ b2; mse\(mean_time\(h\) w, t\)/,
    () => (c) => {
      const [rows, batch, embed] = shapeOf(c, "x") as [number, number, number];
      const heads = 2;
      return {
        statements: [
          ...multiHead({ queries: "x", memory: "x", rows, columns: rows, batch, embed, heads }),
          "joined = x + mha",
          ...layerNorm("h", "joined", "g", "be"),
          "deep = h + gelu(h @ w1 + b1) @ w2 + b2",
          "prediction = mean(deep, axis = 0) @ w",
        ],
        loss: "mean((prediction[:, 0] - t)^2)",
      };
    },
  ],
  [
    /^BCE-with-logits of a dense layer on the last LSTM state/,
    () => (c) => {
      const [steps, batch] = shapeOf(c, "x") as [number, number];
      const { statements, hidden } = lstm({
        x: "x",
        steps,
        batch,
        hidden: shapeOf(c, "w_hh")[1]!,
        suffix: "",
      });
      return {
        statements: [...statements, `z = (${hidden.at(-1)} @ w + b)[:, 0]`],
        loss: "mean(softplus(z) - z * t)",
      };
    },
  ],
];

export function netProgram(c: NetCase): NetProgram {
  for (const [formula, net] of nets) {
    const match = formula.exec(c.formula);
    if (match !== null) return net(match)(c);
  }
  throw new NotExpressible(`the network ${c.formula}`);
}
