/**
 * Extents: sizes of axes and dimensions, `batch`·N + `constant`. N, the number of rows in the current
 * batch, is the only symbol: 1 ≤ N ≤ Nmax.
 */
export interface Extent {
  readonly batch: number;
  readonly constant: number;
}

/** Sizes of a tensor's dimensions, outermost first; a dimension with N leads. */
export type Shape = readonly Extent[];

export function fixed(size: number): Extent {
  return { batch: 0, constant: size };
}

/** The batch size N itself. */
export const batchExtent: Extent = { batch: 1, constant: 0 };

export function isFixed(extent: Extent): boolean {
  return extent.batch === 0;
}

export function sameExtent(a: Extent, b: Extent): boolean {
  return a === b || (a.batch === b.batch && a.constant === b.constant);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a === b || (a.length === b.length && a.every((extent, i) => sameExtent(extent, b[i]!)));
}

/** The shape of `length` tensors as one: the new dimension comes first, or second where N leads. */
export function stackedShape(shape: Shape, length: number): Shape {
  const at = stackedAxis(shape);
  return [...shape.slice(0, at), fixed(length), ...shape.slice(at)];
}

/** Where tensors of a shape are stacked. */
export function stackedAxis(shape: Shape): number {
  return shape[0] !== undefined && !isFixed(shape[0]) ? 1 : 0;
}

/** The size at a given N. */
export function sizeAt(extent: Extent, n: number): number {
  return extent.batch * n + extent.constant;
}

/** Number of elements at a given N. */
export function elementsAt(shape: Shape, n: number): number {
  return shape.reduce((product, extent) => product * sizeAt(extent, n), 1);
}

/** `N`, `2N`, `N+1`, `128`. */
export function printExtent({ batch, constant }: Extent): string {
  if (batch === 0) return String(constant);
  const symbol = batch === 1 ? "N" : `${batch}N`;
  if (constant === 0) return symbol;
  return constant > 0 ? `${symbol}+${constant}` : `${symbol}${constant}`;
}

export function printShape(shape: Shape): string {
  return `[${shape.map(printExtent).join(", ")}]`;
}
