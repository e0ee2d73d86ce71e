/** Resampling: along each axis a matrix of weights that the sizes alone determine, multiplied onto the image. */

import { NotExpressible } from "../case-program.ts";
import {
  float,
  isSet,
  numberIn,
  outputShape,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
  textIn,
} from "../case-rules.ts";

/** Where output o reads, in units of the input. */
function source(c: RuleCase, from: number, to: number): string {
  if (isSet(c, "align_corners"))
    return to === 1 ? "0.0 * o" : `o * ${float((from - 1) / (to - 1))}`;
  return `(o + 0.5) * ${float(from / to)} - 0.5`;
}

/** weights[o, i]: how much of input i output o takes. */
function weights(c: RuleCase, name: string, from: number, to: number): string[] {
  const at = [`${name}_at[o < ${to}] = ${source(c, from, to)}`];
  const cell = `[o < ${to}, i < ${from}]`;
  switch (textIn(c, "mode", "nearest")) {
    case "linear":
    case "bilinear":
    case "trilinear":
      return [
        ...at,
        `${name}_inside = clip(${name}_at, 0.0, ${float(from - 1)})`,
        `${name}${cell} = maximum(0.0, 1.0 - abs(${name}_inside[o] - i))`,
      ];
    // Keys' kernel with parameter a, over the four neighbours; those beyond the edge are the edge.
    case "bicubic": {
      const a = numberIn(c, "a", -0.75);
      const near = `${float(a + 2)} * d^3 - ${float(a + 3)} * d^2 + 1.0`;
      const far = `${float(a)} * d^3 - ${float(5 * a)} * d^2 + ${float(8 * a)} * d - ${float(4 * a)}`;
      const kernel = (d: string) =>
        `(if ${d} <= 1.0 then ${near.replaceAll("d^", `${d}^`)} else ${far.replaceAll("d^", `${d}^`).replaceAll("* d ", `* ${d} `)})`;
      return [
        ...at,
        `${name}_floor = floor(${name}_at)`,
        `${name}_distance[o < ${to}, t < 4] = abs(${name}_at[o] - ${name}_floor[o] - t + 1)`,
        `${name}_kernel[o < ${to}, t < 4] = ${kernel(`${name}_distance[o, t]`)}`,
        `${name}_cell[o < ${to}, t < 4] = clip(${name}_floor[o] + t - 1, 0.0, ${float(from - 1)})`,
        `${name}${cell} = sum[t < 4] (if ${name}_cell[o, t] == i then ${name}_kernel[o, t] else 0.0)`,
      ];
    }
    default:
      throw new NotExpressible(`resampling of the kind ${textIn(c, "mode", "nearest")}`);
  }
}

function upsample(c: RuleCase): RuleResult {
  const [samples, channels, ...from] = shapeOf(c, "x");
  const to = outputShape(c).slice(2);
  const p = to.map((_, i) => `p${i}`);
  const head = `resized[n < ${samples}, c < ${channels}, ${p.map((name, i) => `${name} < ${to[i]}`).join(", ")}]`;
  if (textIn(c, "mode", "nearest") === "nearest") {
    const places = p.map((name, i) => `${name} * ${from[i]} / ${to[i]}`);
    return single("resized", [`${head} = x[n, c, ${places.join(", ")}]`]);
  }
  const matrices = from.map((size, i) => weights(c, `weights${i}`, size, to[i]!));
  const q = from.map((_, i) => `q${i}`);
  const factors = from.map((_, i) => `weights${i}[p${i}, q${i}]`);
  const over = q.map((name, i) => `${name} < ${from[i]}`).join(", ");
  return single("resized", [
    ...matrices.flat(),
    `${head} = sum[${over}] ${[...factors, `x[n, c, ${q.join(", ")}]`].join(" * ")}`,
  ]);
}

export const resamplingRules: RuleTable = { upsample };
