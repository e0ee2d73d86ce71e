/** Operators that put edges around tensors or take them away. */

import { NotExpressible } from "../case-program.ts";
import { float } from "../case-rules.ts";
import { BadOnnxFile } from "./model.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { at, axesFromStart, range, replaced, reshaped } from "./shape-arithmetic.ts";

interface Edges {
  /** Elements before and behind; fewer than none are cut off. */
  readonly before: number;
  readonly behind: number;
}

/** The place that an element of the padded axis is read from; a constant is put where there is none. */
const places: Readonly<Record<string, (q: string, size: number, before: number) => string>> = {
  constant: (q) => q,
  edge: (q, size) => `minimum(maximum(${q}, 0), ${size - 1})`,
  // Once around is back at the start, and the second half of the way lies mirrored.
  reflect: (q, size) => {
    const around = Math.max(1, 2 * (size - 1));
    return `${size - 1} - abs(${size - 1} - mod(${q}, ${around}))`;
  },
  wrap: (q, size) => `mod(${q}, ${size})`,
};

/** One axis after the other, so that each pads what those before have made. */
function padded(
  call: NodeCall,
  x: Value,
  edges: readonly Edges[],
  mode: string,
  fill: string,
): Value {
  const placeOf = places[mode];
  if (placeOf === undefined) throw new NotExpressible(`padding of the kind ${mode}`);
  return edges.reduce((value, { before, behind }, along) => {
    if (before === 0 && behind === 0) return value;
    const size = value.shape[along]!;
    const shape = replaced(value.shape, along, size + before + behind);
    return call.indexed(
      shape,
      (axes) => {
        const q = `${axes[along]} - (${before})`;
        const read = at(value, replaced(axes, along, placeOf(q, size, before)));
        return mode === "constant"
          ? `if ${q} >= 0 and ${q} < ${size} then ${read} else ${fill}`
          : read;
      },
      value.dtype,
    );
  }, x);
}

function pad(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const rank = x.shape.length;
  const isEarly = call.opset < 11;
  const pads = isEarly ? (call.ints("pads") ?? call.ints("paddings")) : call.constant(1);
  if (pads === undefined) throw new BadOnnxFile("Pad without pads");
  const axes = call.inputs[3] === undefined ? range(rank) : axesFromStart(call.constant(3), rank);
  const edges = x.shape.map((_, i) => {
    const k = axes.indexOf(i);
    return k < 0 ? { before: 0, behind: 0 } : { before: pads[k]!, behind: pads[k + axes.length]! };
  });
  const zero = x.dtype === "f32" ? "0.0" : x.dtype === "i32" ? "0" : "false";
  const value = call.inputs[2];
  const fill = isEarly
    ? float(call.float("value", 0))
    : value === undefined
      ? zero
      : reshaped(call, value, []).expression;
  return [padded(call, x, edges, call.string("mode", "constant"), fill)];
}

/** To given sizes about the middle; what cannot be halved is cut off, or put on, behind. */
function centerCropPad(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const rank = x.shape.length;
  const axes = axesFromStart(call.ints("axes") ?? range(rank), rank);
  const sizes = call.constant(1);
  const edges = x.shape.map((size, i) => {
    const k = axes.indexOf(i);
    const more = k < 0 ? 0 : sizes[k]! - size;
    const before = more < 0 ? -Math.floor(-more / 2) : Math.floor(more / 2);
    return { before, behind: more - before };
  });
  return [padded(call, x, edges, "constant", x.dtype === "f32" ? "0.0" : "0")];
}

export const paddingRules: Rules = { Pad: pad, CenterCropPad: centerCropPad };
