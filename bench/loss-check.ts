/** Whether peers compute the same: figures of one that does not are worth nothing. */

/** Losses of the first and of the twentieth step, which takes some peers too long. */
export interface Losses {
  readonly first: number;
  readonly twentieth?: number;
}

export interface LossTolerance {
  /** Of the loss before the first step, relative. */
  readonly first: number;
  /**
   * Of what 20 steps take off the loss; a peer whose updates are wrong shows here. Libraries place epsilon differently
   * in Adam, by the bias or after it.
   */
  readonly progress: number;
}

/** Sums are taken in another order. */
const inFloat32: LossTolerance = { first: 1e-4, progress: 0.01 };

/** What is wrong, if the losses of a peer are not those of nnc. */
export function lossDisagreement(
  own: Losses,
  its: Losses,
  { first, progress }: LossTolerance = inFloat32,
): string | undefined {
  if (!(Math.abs(own.first - its.first) <= first * Math.abs(own.first))) {
    return `a loss of ${its.first} before the first step, not ${own.first}`;
  }
  if (own.twentieth === undefined || its.twentieth === undefined) return undefined;
  const ownProgress = own.first - own.twentieth;
  const itsProgress = its.first - its.twentieth;
  if (!(Math.abs(ownProgress - itsProgress) <= progress * Math.abs(ownProgress))) {
    return `20 steps take ${itsProgress} off the loss, not ${ownProgress}`;
  }
  return undefined;
}
