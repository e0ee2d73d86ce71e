/** Keras' optimizers: those of the standard library, and the others written from the manifest's formulas. */

import { NotExpressible } from "../case-program.ts";
import { float } from "../case-rules.ts";

type Config = Readonly<Record<string, unknown>>;

export interface OptimizerUse {
  readonly declarations: readonly string[];
  /** The optimizer, applied. */
  readonly optimizer: string;
}

const number = (config: Config, key: string, otherwise: number): string => {
  const value = config[key] ?? otherwise;
  if (typeof value !== "number") throw new NotExpressible(`an optimizer whose ${key} is no number`);
  return float(value);
};

const inLibrary = ["SGD", "RMSprop", "Adam", "AdamW"];

/** Statements of `update(w, g, t)` by class. */
const updates: Readonly<Record<string, (config: Config) => readonly string[]>> = {
  Adagrad: (c) => [
    `state a = Constant(${number(c, "initial_accumulator_value", 0.1)})`,
    "a <- a + g^2",
    `w <- w - learning_rate * g / sqrt(a + ${number(c, "epsilon", 1e-7)})`,
  ],
  Adadelta: (c) => {
    const [rho, epsilon] = [number(c, "rho", 0.95), number(c, "epsilon", 1e-7)];
    return [
      "state gradients = zeros",
      "state steps = zeros",
      `gradients <- ${rho} * gradients + (1 - ${rho}) * g^2`,
      `step = sqrt(steps + ${epsilon}) / sqrt(gradients + ${epsilon}) * g`,
      `steps <- ${rho} * steps + (1 - ${rho}) * step^2`,
      "w <- w - learning_rate * step",
    ];
  },
  Adamax: (c) => {
    const [b1, b2] = [number(c, "beta_1", 0.9), number(c, "beta_2", 0.999)];
    return [
      "state m = zeros",
      "state u = zeros",
      `m <- ${b1} * m + (1 - ${b1}) * g`,
      `u <- maximum(${b2} * u, abs(g))`,
      `w <- w - learning_rate * m / ((1 - ${b1}^t) * (u + ${number(c, "epsilon", 1e-7)}))`,
    ];
  },
  Nadam: (c) => {
    const [b1, b2] = [number(c, "beta_1", 0.9), number(c, "beta_2", 0.999)];
    const mu = (t: string) => `${b1} * (1 - 0.5 * 0.96^${t})`;
    return [
      "state m = zeros",
      "state v = zeros",
      "state p = ones",
      `mu = ${mu("t")}`,
      `mu_next = ${mu("(t + 1)")}`,
      "p <- p * mu",
      `m <- ${b1} * m + (1 - ${b1}) * g`,
      `v <- ${b2} * v + (1 - ${b2}) * g^2`,
      "look_ahead = mu_next * m / (1 - p * mu_next) + (1 - mu) * g / (1 - p)",
      `w <- w - learning_rate * look_ahead / (sqrt(v / (1 - ${b2}^t)) + ${number(c, "epsilon", 1e-7)})`,
    ];
  },
  Ftrl: (c) => {
    const power = float(-Number(c.learning_rate_power ?? -0.5));
    const [l1, l2] = [
      number(c, "l1_regularization_strength", Number(c.l1 ?? 0)),
      number(c, "l2_regularization_strength", Number(c.l2 ?? 0)),
    ];
    const shrinkage = number(
      c,
      "l2_shrinkage_regularization_strength",
      Number(c.l2_shrinkage ?? 0),
    );
    const rate = "learning_rate";
    return [
      `state n = Constant(${number(c, "initial_accumulator_value", 0.1)})`,
      "state z = zeros",
      `old = n ^ ${power}`,
      "n <- n + g^2",
      `new = n ^ ${power}`,
      `z <- z + g + 2 * ${shrinkage} * w - (new - old) / ${rate} * w`,
      `bounded = clip(z, -${l1}, ${l1})`,
      `w <- (bounded - z) / (new / ${rate} + 2 * (${l2} + ${number(c, "beta", 0)} / (2 * ${rate})))`,
    ];
  },
  Lion: (c) => {
    const [b1, b2] = [number(c, "beta_1", 0.9), number(c, "beta_2", 0.99)];
    return [
      "state m = zeros",
      `w <- w - learning_rate * sign(${b1} * m + (1 - ${b1}) * g)`,
      `m <- ${b2} * m + (1 - ${b2}) * g`,
    ];
  },
};

/** `SGD(learning_rate = 0.5, momentum = 0.9)`, as a user would write it. */
export function kerasOptimizer(name: string, config: Config): OptimizerUse {
  const given = Object.entries(config).filter(([, value]) => value !== null);
  if (inLibrary.includes(name)) {
    const named = given.map(
      ([key, value]) => `${key} = ${typeof value === "number" ? float(value) : String(value)}`,
    );
    return { declarations: [], optimizer: `${name}(${named.join(", ")})` };
  }
  const update = updates[name];
  if (update === undefined) throw new NotExpressible(`the optimizer ${name}`);
  const decay = config.weight_decay;
  const lines = [
    ...(typeof decay === "number" ? [`w <- w - w * (${float(decay)} * learning_rate)`] : []),
    ...update(config),
  ];
  const declaration = [
    `optimizer Keras${name}(learning_rate = ${number(config, "learning_rate", 0.001)}) {`,
    "  update(w, g, t) {",
    ...lines.map((line) => `    ${line}`),
    "  }",
    "}",
  ].join("\n");
  return { declarations: [declaration], optimizer: `Keras${name}()` };
}
