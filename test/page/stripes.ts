/** A tiny model of images, so that tests of the page are quick: is the stripe horizontal, vertical or slanted? */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const SIDE = 6;
const ROWS = 240;

const stripesModel = `model Stripes {
  input picture: u8[N, ${SIDE}, ${SIDE}]
  h = picture / 255 |> Flatten |> Dense(8, relu)
  output direction = h |> Dense(3, softmax)
}

data stripes {
  train {
    picture: u8[${SIDE}, ${SIDE}] = idx("pictures/train-pictures.idx.gz")
    label: u8 = idx("pictures/train-labels.idx")
  }
  test {
    picture = idx("pictures/test-pictures.idx.gz")
    label = idx("pictures/test-labels.idx")
  }
}

train Stripes on stripes {
  loss       categorical_crossentropy(one_hot(label, 3), direction)
  optimizer  SGD(learning_rate = 0.5)
  metrics    accuracy(label, direction)
  epochs     4
  batch_size 16
  validation 0.25
  seed       1
}
`;

/** Writes the model and its data into a folder; gives the model's path. */
export function writeStripes(folder: string): string {
  mkdirSync(join(folder, "pictures"), { recursive: true });
  const files = { train: stripes(ROWS), test: stripes(60) };
  for (const [block, { pictures, labels }] of Object.entries(files)) {
    writeFileSync(join(folder, "pictures", `${block}-pictures.idx.gz`), gzipSync(pictures));
    writeFileSync(join(folder, "pictures", `${block}-labels.idx`), labels);
  }
  writeFileSync(
    join(folder, "pictures", "LICENCE.txt"),
    "Pictures of stripes: do with them what you like.\n",
  );
  const model = join(folder, "stripes.nn");
  writeFileSync(model, stripesModel);
  return model;
}

/** Bytes of IDX files. */
export function stripes(rows: number): {
  readonly pictures: Uint8Array;
  readonly labels: Uint8Array;
} {
  const pictures = new Uint8Array(rows * SIDE * SIDE);
  const labels = Uint8Array.from({ length: rows }, (_, row) => row % 3);
  for (let row = 0; row < rows; row++) {
    const place = Math.floor(row / 3) % SIDE;
    for (let i = 0; i < SIDE; i++) {
      const [x, y] = [
        [i, place],
        [place, i],
        [i, (i + place) % SIDE],
      ][row % 3]!;
      pictures[row * SIDE * SIDE + y! * SIDE + x!] = 255 - ((row * 7) % 40);
    }
  }
  return { pictures: idx(pictures, [rows, SIDE, SIDE]), labels: idx(labels, [rows]) };
}

function idx(data: Uint8Array, shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  for (const [axis, extent] of shape.entries()) view.setUint32(4 + 4 * axis, extent);
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}
