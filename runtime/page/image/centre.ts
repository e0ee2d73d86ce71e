/**
 * Places a drawing as the digits of MNIST are placed: scaled to fit a box of 20 of 28 pixels, its centre of mass in the
 * middle (http://yann.lecun.com/exdb/mnist: "normalized to fit in a 20x20 pixel box while preserving their aspect
 * ratio … centered in a 28x28 image by computing the center of mass of the pixels").
 */

import { type Area, type Raster, resample } from "./raster.ts";

/** Of the image's width or height. */
const BOX = 20 / 28;
/** Ink below this is a smoothed edge, not a stroke. */
const VISIBLE = 0.15;

/** One channel, 1 where there is ink. A drawing without ink stays empty. */
export function centreByMass(drawing: Raster, width: number, height: number): Raster {
  const box = boundingBox(drawing);
  if (box === undefined)
    return resample(drawing, { left: 0, top: 0, width: 1, height: 1 }, width, height);
  const { x, y } = centreOfMass(drawing);
  const scale = Math.max(box.width / (BOX * width), box.height / (BOX * height));
  const area = { width: width * scale, height: height * scale };
  return resample(
    drawing,
    { ...area, left: x - area.width / 2, top: y - area.height / 2 },
    width,
    height,
  );
}

/** The smallest area that holds all ink. */
export function boundingBox({ width, height, data }: Raster): Area | undefined {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x]! < VISIBLE) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  return right === 0 ? undefined : { left, top, width: right - left, height: bottom - top };
}

/** In pixels from the upper left corner; pixels have their mass in their middle. */
export function centreOfMass({ width, height, data }: Raster): {
  readonly x: number;
  readonly y: number;
} {
  let [mass, x, y] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const ink = data[row * width + column]!;
      mass += ink;
      x += ink * (column + 0.5);
      y += ink * (row + 0.5);
    }
  }
  return mass === 0 ? { x: width / 2, y: height / 2 } : { x: x / mass, y: y / mass };
}
