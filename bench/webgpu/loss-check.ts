/** Whether peers compute the same: figures of one that does not are worth nothing. */

import type { Measurement } from "./peer.ts";

/** Sums are taken in another order. */
const lossTolerance = 1e-4;
/**
 * Of what 20 steps take off the loss; a peer whose updates are wrong shows here. Libraries place epsilon differently
 * in Adam, by the bias or after it.
 */
const progressTolerance = 0.01;

/** What is wrong, if the losses of a peer are not those of nnc. */
export function lossDisagreement(
  own: Pick<Measurement, "first" | "twentieth">,
  its: Pick<Measurement, "first" | "twentieth">,
): string | undefined {
  if (!(Math.abs(own.first - its.first) <= lossTolerance * Math.abs(own.first))) {
    return `a loss of ${its.first} before the first step, not ${own.first}`;
  }
  const [ownProgress, itsProgress] = [own, its].map(({ first, twentieth }) => first - twentieth);
  if (!(Math.abs(ownProgress! - itsProgress!) <= progressTolerance * Math.abs(ownProgress!))) {
    return `20 steps take ${itsProgress} off the loss, not ${ownProgress}`;
  }
  return undefined;
}
