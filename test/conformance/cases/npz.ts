/** The arrays of an NPZ file: a zip archive of NPY members, read whole. */

import { readFileSync } from "node:fs";
import { unzipSync } from "fflate";
import { parseNpy } from "../../../runtime/data/npy.ts";

export interface NumberArray {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float64Array;
}

export function readArrays(path: string): ReadonlyMap<string, NumberArray> {
  const members = Object.entries(unzipSync(readFileSync(path)));
  return new Map(
    members.map(([member, bytes]) => {
      const { type, littleEndian, shape, bytes: elements } = parseNpy({ name: path, bytes });
      const view = new DataView(elements.buffer, elements.byteOffset, elements.byteLength);
      const count = elements.byteLength / type.bytes;
      const data = Float64Array.from({ length: count }, (_, i) =>
        type.read(view, i * type.bytes, littleEndian),
      );
      return [member.replace(/\.npy$/, ""), { shape, data }];
    }),
  );
}
