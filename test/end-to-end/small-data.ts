/** Parts of the examples' data, for tests that need only their beginning. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Column } from "../../runtime/data/column.ts";
import { formatNpz } from "../../runtime/data/npy-writer.ts";
import { readNpz } from "../../runtime/data/npz.ts";
import type { ColumnPlan } from "../../runtime/plan.ts";
import { examples } from "./nnc.ts";

/** The first papers of Cora, where those are that have labels, and the links among them, in a folder of data. */
export function writeSmallCora(folder: string, papers: number): void {
  const path = "data/cora/cora.npz";
  const all = 2708;
  const words = 1433;
  const wanted: readonly ColumnPlan[] = [
    { name: "words", dtype: "u8", shape: [all, words] },
    { name: "links", dtype: "u8", shape: [all, all] },
    { name: "label", dtype: "i32", shape: [all] },
    { name: "train", dtype: "u8", shape: [all] },
  ];
  const columns = readColumnsOf(join(examples, path), wanted).map((column) => {
    const [, width] = column.shape;
    const kept = width === all ? papers : (width ?? 1);
    const shape = width === undefined ? [papers] : [papers, kept];
    const data = column.data.slice(0, papers * kept);
    for (let i = 0; i < data.length; i++) {
      data[i] = column.data[Math.floor(i / kept) * (width ?? 1) + (i % kept)]!;
    }
    return { ...column, shape, data };
  });
  write(join(folder, path), formatNpz(columns));
}

/** The first handwritten words of at most so many letters, from an archive of all. */
export function writeShortWords(from: string, to: string, words: number, length: number): void {
  const size = 16 * 8;
  const wanted: readonly ColumnPlan[] = [
    { name: "pixels", dtype: "u8", shape: [16, 8] },
    { name: "letters", dtype: "i32", shape: [] },
    { name: "word_start", dtype: "i32", shape: [] },
  ];
  const [pixels, letters, starts] = readColumnsOf(from, wanted) as [Column, Column, Column];
  const bounds = [...starts.data, letters.rows];
  const short = bounds
    .slice(0, -1)
    .map((start, word) => [start, bounds[word + 1]!] as const)
    .filter(([start, end]) => end - start <= length)
    .slice(0, words);
  const rows = short.flatMap(([start, end]) =>
    Array.from({ length: end - start }, (_, i) => start + i),
  );
  const newStarts = Int32Array.from(short, () => 0);
  short.slice(0, -1).forEach(([start, end], word) => {
    newStarts[word + 1] = newStarts[word]! + end - start;
  });
  const data = Uint8Array.from({ length: rows.length * size }, (_, i) => {
    return pixels.data[rows[Math.floor(i / size)]! * size + (i % size)]!;
  });
  const columns = [
    { ...pixels, rows: rows.length, data },
    { ...letters, rows: rows.length, data: Int32Array.from(rows, (row) => letters.data[row]!) },
    { ...starts, rows: newStarts.length, data: newStarts },
  ];
  write(to, formatNpz(columns));
}

function readColumnsOf(path: string, wanted: readonly ColumnPlan[]): readonly Column[] {
  const sources = wanted.map((column) => ({ column, reader: "npz" as const, path, options: {} }));
  return readNpz({ name: path, bytes: readFileSync(path) }, sources);
}

/** The middle of the first images of CIFAR-10, of so many pixels a side, in its own format. */
export function writeSmallImages(from: string, to: string, images: number, side: number): void {
  const records = gunzipSync(readFileSync(from));
  const whole = 32;
  const margin = (whole - side) / 2;
  const small = Array.from({ length: images }, (_, image) => {
    const record = records.subarray(image * (1 + 3 * whole * whole));
    const rows = Array.from({ length: 3 * side }, (_, row) => {
      const channel = Math.floor(row / side);
      const at = 1 + (channel * whole + margin + (row % side)) * whole + margin;
      return record.subarray(at, at + side);
    });
    return Buffer.concat([record.subarray(0, 1), ...rows]);
  });
  write(to, Buffer.concat(small));
}

/** The first lines of a text, at the same place in a folder of data. */
export function writeFirstLines(from: string, to: string, lines: number): void {
  const text = gunzipSync(readFileSync(from)).toString("utf8");
  write(to, text.split("\n", lines).join("\n"));
}

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
