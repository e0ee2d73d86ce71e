/** Which input of a model is an image, and how its values stand for ink. */

import type { ColumnPlan, TrainerPlan } from "../../plan.ts";
import type { Raster } from "./raster.ts";

export interface ImageInput {
  readonly name: string;
  readonly dtype: "u8" | "f32";
  readonly width: number;
  readonly height: number;
  /** 1 for grey, 3 for red, green and blue. */
  readonly channels: 1 | 3;
}

/** What the training images look like, where they are known. */
export interface Palette {
  /** The value of white (of ink, for drawings on black). */
  readonly maximum: number;
  /** Dark strokes on a light ground; MNIST's are light on dark. */
  readonly darkOnLight: boolean;
}

/** A side below this is no picture that a person could recognise; above, no canvas shows it. */
const SMALLEST = 4;
const LARGEST = 1024;

/** The model's only input, if that is an image. */
export function imageInput(plan: Pick<TrainerPlan, "columns" | "inputs">): ImageInput | undefined {
  const [name, ...others] = plan.inputs;
  const column = plan.columns.find((candidate) => candidate.name === name);
  return column === undefined || others.length > 0 ? undefined : asImage(column);
}

function asImage({ name, dtype, shape }: ColumnPlan): ImageInput | undefined {
  const [height = 0, width = 0, channels = 1, ...rest] = shape;
  if (shape.length < 2 || rest.length > 0 || (dtype !== "u8" && dtype !== "f32")) return undefined;
  if (channels !== 1 && channels !== 3) return undefined;
  if (Math.min(width, height) < SMALLEST || Math.max(width, height) > LARGEST) return undefined;
  return { name, dtype, width, height, channels };
}

/** Bytes are taken to reach 255, floats 1, until data says otherwise. */
export function defaultPalette({ dtype }: ImageInput): Palette {
  return { maximum: dtype === "u8" ? 255 : 1, darkOnLight: false };
}

/**
 * From images of the training data: their largest value, and whether their edges, where there is seldom a stroke, are
 * light. A few hundred rows are enough.
 */
export function inferPalette(image: ImageInput, data: ArrayLike<number>, rows: number): Palette {
  const { width, height, channels } = image;
  let [maximum, edgeSum, edgeCount] = [0, 0, 0];
  for (let row = 0; row < Math.min(rows, 256); row++) {
    for (let i = 0; i < width * height * channels; i++) {
      const value = data[row * width * height * channels + i]!;
      maximum = Math.max(maximum, value);
      const x = Math.floor(i / channels) % width;
      const y = Math.floor(i / channels / width);
      if (x > 0 && y > 0 && x < width - 1 && y < height - 1) continue;
      edgeSum += value;
      edgeCount++;
    }
  }
  if (maximum <= 0) return defaultPalette(image);
  const usual = image.dtype === "u8" && maximum > 128 ? 255 : maximum;
  return { maximum: usual, darkOnLight: channels === 1 && edgeSum / edgeCount > usual / 2 };
}

/** Values of the input's column for one image. Grey rasters hold ink; coloured ones hold light. */
export function toColumn(image: ImageInput, raster: Raster, { maximum, darkOnLight }: Palette) {
  const flip = image.channels === 1 && darkOnLight;
  const values = raster.data.map((value) => (flip ? 1 - value : value) * maximum);
  return image.dtype === "u8" ? Uint8Array.from(values, Math.round) : values;
}

/** The other way round, to show what the model sees. */
export function fromColumn(
  { width, height, channels }: ImageInput,
  values: ArrayLike<number>,
  { maximum, darkOnLight }: Palette,
): Raster {
  const data = Float32Array.from({ length: width * height * channels }, (_, i) => {
    const light = Math.min(1, Math.max(0, values[i]! / maximum));
    return channels === 1 && darkOnLight ? 1 - light : light;
  });
  return { width, height, channels, data };
}
