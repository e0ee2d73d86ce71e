/** Images read at places that a grid says, and the grids of affine maps. Coordinates run from −1 to 1, the last axis first. */

import { NotExpressible } from "../case-program.ts";
import { axisNames, element, float } from "../case-rules.ts";
import { notation } from "./notation.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { clipped, cubicTaps, linearTaps, nearestTap, sampledAt, type Taps } from "./taps.ts";

/** Back and forth between two bounds, as between mirrors. */
function reflected(at: string, low: number, high: number): string {
  const way = 2 * (high - low);
  if (way === 0) return `0.0 * ${at}`;
  const along = `mod(${at} - ${float(low)}, ${float(way)})`;
  return `${float(low)} + minimum(${along}, ${float(way)} - ${along})`;
}

/** The bounds that coordinates −1 and 1 stand for: the middle of the outer cells, or their edges. */
const boundsOf = (call: NodeCall, size: number): readonly [number, number] =>
  call.int("align_corners", 0) === 1 ? [0, size - 1] : [-0.5, size - 0.5];

/** What lies beyond the ends, by `padding_mode`; zeros are what is read there anyway. */
function withPadding(call: NodeCall, value: Value, size: number): Value {
  const at = value.expression;
  const [low, high] = boundsOf(call, size);
  switch (call.string("padding_mode", "zeros")) {
    case "zeros":
      return value;
    case "border":
      return call.define(`clip(${at}, 0.0, ${float(size - 1)})`, value.shape);
    case "reflection":
      return call.define(reflected(at, low, high), value.shape);
    default:
      throw new NotExpressible("an unknown padding_mode");
  }
}

function tapsOf(call: NodeCall, position: Value, size: number): Taps {
  const mode = call.string("mode", "linear");
  if (mode === "nearest") {
    const rounded = call.define(`round(${position.expression})`, position.shape);
    return nearestTap(call, withPadding(call, rounded, size));
  }
  const inside = withPadding(call, position, size);
  const around = /linear$/.test(mode) ? linearTaps(call, inside) : cubicTaps(call, inside, -0.75);
  switch (call.string("padding_mode", "zeros")) {
    case "border":
      return clipped(call, around, size);
    case "reflection": {
      const mirrored = reflected(around.cells.expression, ...boundsOf(call, size));
      const cells = call.define(`i32(${mirrored})`, around.cells.shape, "i32");
      return { ...around, cells };
    }
    default:
      return around;
  }
}

function gridSample(call: NodeCall): Value[] {
  const [x, grid] = [call.input(0), call.input(1)];
  const [samples, channels, ...sizes] = x.shape as [number, number, ...number[]];
  const places = grid.shape.slice(0, -1);
  const p = axisNames(places.length, "p");
  const axes = sizes.map((size, i) => {
    const [low, high] = boundsOf(call, size);
    const coordinate = element(grid.expression, [...p, `${sizes.length - 1 - i}`]);
    const body = `${float(low)} + (${coordinate} + 1.0) * ${float((high - low) / 2)}`;
    return tapsOf(call, notation(call, p, places, body), size);
  });
  const [n, ...rest] = p as [string, ...string[]];
  return [
    notation(
      call,
      [n, "c", ...rest],
      [samples, channels, ...places.slice(1)],
      sampledAt(x, [n, "c"], axes, p),
    ),
  ];
}

/** Where an affine map takes the cells of an image: Σ theta[n, e, d] · coordinate d + theta[n, e, last]. */
function affineGrid(call: NodeCall): Value[] {
  const theta = call.input(0);
  const [samples, , ...sizes] = call.constant(1) as [number, number, ...number[]];
  const p = axisNames(sizes.length, "p");
  const isAligned = call.int("align_corners", 0) === 1;
  const coordinates = sizes.map((size, i) =>
    isAligned
      ? `(${p[i]} * ${float(2 / (size - 1))} - 1.0)`
      : `((2 * ${p[i]} + 1) / ${float(size)} - 1.0)`,
  );
  const terms = coordinates
    .reverse()
    .map((coordinate, d) => `${theta.expression}[n, e, ${d}] * ${coordinate}`);
  const body = [...terms, `${theta.expression}[n, e, ${sizes.length}]`].join(" + ");
  return [notation(call, ["n", ...p, "e"], [samples, ...sizes, sizes.length], body)];
}

export const gridRules: Rules = { GridSample: gridSample, AffineGrid: affineGrid };
