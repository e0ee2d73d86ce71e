/**
 * From strokes on a large canvas to the few pixels that a model reads. Each pixel is the mean of the area it covers,
 * so thin strokes become grey instead of vanishing.
 */

/** Channels of one pixel lie side by side, rows from the top. Values are 0 … 1. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array;
}

/** A rectangle in pixels of a raster, edges anywhere between them; it may reach beyond the raster. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export function createRaster(width: number, height: number, channels: number): Raster {
  return { width, height, channels, data: new Float32Array(width * height * channels) };
}

export function wholeArea({ width, height }: Raster): Area {
  return { left: 0, top: 0, width, height };
}

/** The area of a raster, drawn at another size; what lies beyond the raster counts as 0. */
export function resample(source: Raster, area: Area, width: number, height: number): Raster {
  const target = createRaster(width, height, source.channels);
  const across = coverage(area.left, area.width, source.width, width);
  const down = coverage(area.top, area.height, source.height, height);
  const { channels } = source;
  // Columns first, then rows: a mean over a rectangle is a mean of means.
  const narrow = new Float32Array(width * source.height * channels);
  for (let y = 0; y < source.height; y++) {
    for (const [x, parts] of across.entries()) {
      for (const [from, weight] of parts) {
        for (let c = 0; c < channels; c++) {
          narrow[(y * width + x) * channels + c]! +=
            weight * source.data[(y * source.width + from) * channels + c]!;
        }
      }
    }
  }
  for (const [y, parts] of down.entries()) {
    for (const [from, weight] of parts) {
      for (let i = 0; i < width * channels; i++) {
        target.data[y * width * channels + i]! += weight * narrow[from * width * channels + i]!;
      }
    }
  }
  return target;
}

type Parts = readonly (readonly [from: number, weight: number])[];

/** For each of `count` cells of an interval, the source cells under it and their shares of it. */
function coverage(start: number, length: number, sourceCells: number, count: number): Parts[] {
  const cell = length / count;
  return Array.from({ length: count }, (_, index) => {
    const [low, high] = [start + index * cell, start + (index + 1) * cell];
    const parts: [number, number][] = [];
    for (
      let from = Math.max(0, Math.floor(low));
      from < Math.min(sourceCells, Math.ceil(high));
      from++
    ) {
      const overlap = Math.min(high, from + 1) - Math.max(low, from);
      if (overlap > 0) parts.push([from, overlap / cell]);
    }
    return parts;
  });
}
