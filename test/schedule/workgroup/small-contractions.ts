/** Contractions of every form, small enough for devices in software. */

import { productCase } from "../contraction-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import { convolutionGraph } from "./convolution-cases.ts";
import { adam, dense } from "./epilogue-cases.ts";

export const smallContractions: Readonly<Record<string, () => GraphCase>> = {
  A·B: () => productCase({ letters: "mk,kn->mn", sizes: { m: "N", k: 33, n: 17 }, batch: [5, 9] }),
  "A·B by fours": () => productCase({ letters: "mk,kn->mn", sizes: { m: 36, k: 20, n: 20 } }),
  A·Bᵀ: () => productCase({ letters: "mk,nk->mn", sizes: { m: 17, k: 33, n: 65 } }),
  "A·Bᵀ by fours": () => productCase({ letters: "mk,nk->mn", sizes: { m: 9, k: 36, n: 8 } }),
  Aᵀ·B: () => productCase({ letters: "km,kn->mn", sizes: { k: "N", m: 33, n: 8 }, batch: [3, 7] }),
  Aᵀ·Bᵀ: () => productCase({ letters: "km,nk->mn", sizes: { k: 5, m: 12, n: 9 } }),
  "of a batch": () => productCase({ letters: "bmk,bkn->bmn", sizes: { b: 3, m: 5, k: 6, n: 12 } }),
  "in chunks": () => productCase({ letters: "mk,kn->mn", sizes: { m: 6, k: 1025, n: 10 } }),
  "a convolution": () =>
    convolutionGraph({ size: [5, 6], kernel: [3, 3], padding: 1, channels: [4, 5], batch: [1, 2] }),
  "a strided convolution": () =>
    convolutionGraph({
      size: [7, 6],
      kernel: [3, 2],
      stride: 2,
      padding: 1,
      channels: [4, 4],
      batch: [2, 2],
    }),
  "with dropout": () => dense(7, 18, 4, 5, (f, x) => f.call("maximum", f.number(0), x)),
  "an update": () => adam(17, 10, 5, 8),
};
