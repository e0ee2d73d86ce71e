/**
 * PyTorch's optimizers: those of the library where its formula is the same, else written in the language from the
 * formulas of the manifest (Keras adds epsilon elsewhere, or decays weights apart from the gradient).
 */

import { NotExpressible } from "../case-program.ts";
import { float } from "../case-rules.ts";
import { translateFormula } from "../formula.ts";

export type OptimizerConfig = Readonly<Record<string, unknown>>;

/** The name of the optimizer that is declared. */
const torchName = "Torch";

const value = (config: OptimizerConfig, key: string, otherwise: number): number => {
  const given = config[key] ?? otherwise;
  if (typeof given !== "number") throw new NotExpressible(`an optimizer without a number ${key}`);
  return given;
};
const number = (config: OptimizerConfig, key: string, otherwise: number): string =>
  float(value(config, key, otherwise));
const isSet = (config: OptimizerConfig, key: string): boolean => config[key] === true;

function betas(config: OptimizerConfig): [string, string] {
  const [first, second] = (config.betas ?? [0.9, 0.999]) as readonly number[];
  return [float(first!), float(second!)];
}

/** Weight decay that is added to the gradient; binds `d`. */
const coupledDecay = (config: OptimizerConfig): string =>
  value(config, "weight_decay", 0) === 0
    ? "d = g"
    : `d = g + ${number(config, "weight_decay", 0)} * w`;

const adamMoments = (config: OptimizerConfig): string[] => {
  const [b1, b2] = betas(config);
  return [
    "state m = zeros",
    "state v = zeros",
    `m <- ${b1} * m + (1 - ${b1}) * d`,
    `v <- ${b2} * v + (1 - ${b2}) * d^2`,
  ];
};

function adam(config: OptimizerConfig): string[] {
  const [b1, b2] = betas(config);
  const largest = isSet(config, "amsgrad")
    ? ["state v_max = zeros", "v_max <- maximum(v_max, v)", "second = v_max"]
    : ["second = v"];
  const root = `sqrt(second / (1 - ${b2}^t)) + ${number(config, "eps", 1e-8)}`;
  return [...adamMoments(config), ...largest, `w <- w - rate * (m / (1 - ${b1}^t)) / (${root})`];
}

/** Statements of `update(w, g, t)`, `rate` being the learning rate of the step. */
const updates: Readonly<Record<string, (config: OptimizerConfig) => string[]>> = {
  sgd: (config) => {
    const momentum = number(config, "momentum", 0);
    if (value(config, "momentum", 0) === 0) return [coupledDecay(config), "w <- w - rate * d"];
    const kept = `${momentum} * buffer + (1 - ${number(config, "dampening", 0)}) * d`;
    const step = isSet(config, "nesterov") ? `(d + ${momentum} * buffer)` : "buffer";
    return [
      coupledDecay(config),
      "state buffer = zeros",
      `buffer <- if t == 1 then d else ${kept}`,
      `w <- w - rate * ${step}`,
    ];
  },
  rmsprop: (config) => {
    const alpha = number(config, "alpha", 0.99);
    const momentum = value(config, "momentum", 0);
    const centered = isSet(config, "centered")
      ? ["state a = zeros", `a <- ${alpha} * a + (1 - ${alpha}) * d`, "spread = v - a^2"]
      : ["spread = v"];
    const step = `d / (sqrt(spread) + ${number(config, "eps", 1e-8)})`;
    return [
      coupledDecay(config),
      "state v = zeros",
      `v <- ${alpha} * v + (1 - ${alpha}) * d^2`,
      ...centered,
      ...(momentum === 0
        ? [`w <- w - rate * ${step}`]
        : [
            "state buffer = zeros",
            `buffer <- ${float(momentum)} * buffer + ${step}`,
            "w <- w - rate * buffer",
          ]),
    ];
  },
  adam: (config) => [coupledDecay(config), ...adam(config)],
  adamw: (config) => [
    `w <- w * (1 - rate * ${number(config, "weight_decay", 0.01)})`,
    "d = g",
    ...adam(config),
  ],
  adagrad: (config) => [
    coupledDecay(config),
    `state a = Constant(${number(config, "initial_accumulator", 0)})`,
    "a <- a + d^2",
    `slowed = rate / (1 + (t - 1) * ${number(config, "lr_decay", 0)})`,
    `w <- w - slowed * d / (sqrt(a) + ${number(config, "eps", 1e-10)})`,
  ],
  adadelta: (config) => {
    const rho = number(config, "rho", 0.9);
    const eps = number(config, "eps", 1e-6);
    return [
      coupledDecay(config),
      "state v = zeros",
      "state u = zeros",
      `v <- ${rho} * v + (1 - ${rho}) * d^2`,
      `step = sqrt(u + ${eps}) / sqrt(v + ${eps}) * d`,
      `u <- ${rho} * u + (1 - ${rho}) * step^2`,
      "w <- w - rate * step",
    ];
  },
  adamax: (config) => {
    const [b1, b2] = betas(config);
    return [
      coupledDecay(config),
      "state m = zeros",
      "state u = zeros",
      `m <- ${b1} * m + (1 - ${b1}) * d`,
      `u <- maximum(${b2} * u, abs(d) + ${number(config, "eps", 1e-8)})`,
      `w <- w - rate / (1 - ${b1}^t) * m / u`,
    ];
  },
  nadam: (config) => {
    const [b1, b2] = betas(config);
    const psi = number(config, "momentum_decay", 0.004);
    const mu = (t: string) => `${b1} * (1 - 0.5 * 0.96^(${t} * ${psi}))`;
    return [
      coupledDecay(config),
      ...adamMoments(config),
      "state p = ones",
      `mu = ${mu("t")}`,
      `mu_next = ${mu("(t + 1)")}`,
      "p <- p * mu",
      "look_ahead = mu_next * m / (1 - p * mu_next) + (1 - mu) * d / (1 - p)",
      `w <- w - rate * look_ahead / (sqrt(v / (1 - ${b2}^t)) + ${number(config, "eps", 1e-8)})`,
    ];
  },
  radam: (config) => {
    const [b1, b2] = betas(config);
    const second = Number(b2);
    const limit = 2 / (1 - second) - 1;
    const scale = float(limit / ((limit - 4) * (limit - 2)));
    return [
      coupledDecay(config),
      ...adamMoments(config),
      `rho = ${float(limit)} - 2 * t * ${b2}^t / (1 - ${b2}^t)`,
      `mean = m / (1 - ${b1}^t)`,
      `rectified = sqrt(maximum(0, (rho - 4) * (rho - 2) * ${scale} / rho)) * sqrt(1 - ${b2}^t)`,
      `w <- w - rate * (if rho > 5 then mean * rectified / (sqrt(v) + ${number(config, "eps", 1e-8)}) else mean)`,
    ];
  },
};

/** What is done to all gradients before the update. */
function preparation(config: OptimizerConfig): string[] {
  const all = (factor: string) => [
    "clipped = []",
    "for g in gs {",
    `  clipped = clipped + [${factor}]`,
    "}",
    "return clipped",
  ];
  if (config.clip_global_norm !== undefined) {
    const limit = number(config, "clip_global_norm", 1);
    return [
      "squares = 0.0",
      "for g in gs {",
      "  squares = squares + sum(g^2)",
      "}",
      `factor = minimum(1.0, ${limit} / (sqrt(squares) + 1e-6))`,
      ...all("g * factor"),
    ];
  }
  if (config.clip_norm !== undefined) {
    return all(`g * minimum(1.0, ${number(config, "clip_norm", 1)} / (sqrt(sum(g^2)) + 1e-6))`);
  }
  if (config.clip_value !== undefined) {
    const limit = number(config, "clip_value", 1);
    return all(`clip(g, -${limit}, ${limit})`);
  }
  return [];
}

/** `lr_k = …` of a schedule's formula, k counting from 0; otherwise the rate as configured. */
function learningRate(formula: string): string {
  const schedule = /lr_k = ([^;]+);/.exec(formula)?.[1];
  if (schedule === undefined) return "learning_rate";
  return translateFormula(
    schedule.trim(),
    new Map([
      ["k", "(f32(t) - 1.0)"],
      ["pi", "3.141592653589793"],
    ]),
  );
}

/** Which optimizer a schedule's formula goes on to describe. */
function optimizerOf(op: string, formula: string): string {
  if (op !== "schedule") return op;
  if (/p \*= 1 - lr/.test(formula)) return "adamw";
  return /v = b2 v/.test(formula) ? "adam" : "sgd";
}

/** What the library has under a name of its own; undefined where PyTorch's formula is another. */
function libraryOptimizer(op: string, config: OptimizerConfig): string | undefined {
  const { lr, ...rest } = config;
  const given = Object.keys(rest).filter((key) => config[key] !== 0 && config[key] !== false);
  const takes = (...keys: string[]) => given.every((key) => keys.includes(key));
  const rate = float(Number(lr));
  if (op === "sgd" && takes("momentum", "nesterov", "clip_value")) {
    const momentum = number(config, "momentum", 0);
    const clip = config.clip_value === undefined ? "none" : number(config, "clip_value", 1);
    const nesterov = isSet(config, "nesterov");
    return `SGD(${rate}, momentum = ${momentum}, nesterov = ${nesterov}, clipvalue = ${clip})`;
  }
  if (op === "adadelta" && takes("rho", "eps")) {
    const [rho, eps] = [number(config, "rho", 0.9), number(config, "eps", 1e-6)];
    return `Adadelta(${rate}, rho = ${rho}, epsilon = ${eps})`;
  }
  return undefined;
}

export interface TorchOptimizer {
  readonly declarations: readonly string[];
  readonly optimizer: string;
}

export function torchOptimizer(
  op: string,
  formula: string,
  config: OptimizerConfig,
): TorchOptimizer {
  const library = libraryOptimizer(op, config);
  if (library !== undefined) return { declarations: [], optimizer: library };
  return { declarations: [declaredOptimizer(op, formula, config)], optimizer: `${torchName}()` };
}

/** The declaration of an optimizer named `Torch`. */
function declaredOptimizer(op: string, formula: string, config: OptimizerConfig): string {
  const update = updates[optimizerOf(op, formula)];
  if (update === undefined) throw new NotExpressible(`the optimizer ${op}`);
  const rate = learningRate(formula);
  const prepare = preparation(config);
  const block = (head: string, lines: readonly string[]) => [
    `  ${head} {`,
    ...lines.map((line) => `    ${line}`),
    "  }",
  ];
  return [
    `optimizer ${torchName}(learning_rate = ${number(config, "lr", 0.01)}) {`,
    ...(prepare.length > 0 ? block("prepare(gs, t)", prepare) : []),
    ...block("update(w, g, t)", [`rate = ${rate}`, ...update(config)]),
    "}",
  ].join("\n");
}
