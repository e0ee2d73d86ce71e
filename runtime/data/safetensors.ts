/**
 * The safetensors format (https://github.com/huggingface/safetensors, format section of its
 * README): eight bytes of header length, a JSON header, then the tensors' bytes, little-endian and
 * row-major, without holes. Weights and checkpoints are kept in it. Nothing that a file says is
 * believed: every length, offset and shape is checked against the bytes that are there.
 */

import { DataError, messageOf, quoted, shown } from "./data-error.ts";

/** Element types of the format and the arrays that hold them; `F16` and `BF16` as bit patterns. */
const arrayTypes = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type SafetensorsDtype = keyof typeof arrayTypes;

/** A tensor with the array that its dtype calls for; an empty shape is a scalar of one element. */
export type SafetensorsTensor = {
  readonly [D in SafetensorsDtype]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: InstanceType<(typeof arrayTypes)[D]>;
  };
}[SafetensorsDtype];

export interface Safetensors {
  /** In order of their names in the header. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const lengthBytes = 8;
/** The reference implementation's, which keeps a bad length from asking for gigabytes. */
const headerLimit = 100_000_000;

/**
 * Reads a whole file. The tensors' data are copies. `file` is its name in messages.
 * @throws DataError on anything that is not a well-formed safetensors file.
 */
export function readSafetensors(bytes: Uint8Array, file = "safetensors file"): Safetensors {
  const { header, body } = splitFile(bytes, file);
  const tensors = new Map<string, SafetensorsTensor>();
  const ranges: ByteRange[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, entry] of Object.entries(parseHeader(header, file))) {
    if (name === "__metadata__") {
      metadata = readMetadata(entry, file);
      continue;
    }
    const { dtype, shape, range } = readEntry(name, entry, body.length, file);
    ranges.push(range);
    tensors.set(name, createTensor(dtype, shape, body.slice(range.begin, range.end)));
  }
  checkCoverage(ranges, body.length, file);
  return { tensors, metadata };
}

/**
 * The bytes of a file with these tensors: those of wider elements first, so that every tensor is
 * aligned, and by name among equals. The same input gives the same bytes.
 * @throws RangeError if a tensor's data does not have as many elements as its shape says, or if a
 * tensor has the name that the format keeps for metadata.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (tensors.has("__metadata__")) throw new RangeError("no tensor can be named __metadata__");
  const ordered = [...tensors].sort(
    ([nameA, a], [nameB, b]) =>
      b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT || compareText(nameA, nameB),
  );
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) {
    const sorted = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
    entries.push(["__metadata__", Object.fromEntries(sorted)]);
  }
  let bodyLength = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (data.length !== shape.reduce((product, extent) => product * extent, 1)) {
      throw new RangeError(`tensor ${name} of shape [${shape}] has ${data.length} elements`);
    }
    const end = bodyLength + data.byteLength;
    entries.push([name, { dtype, shape, data_offsets: [bodyLength, end] }]);
    bodyLength = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(lengthBytes + headerLength + bodyLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, lengthBytes, lengthBytes + headerLength);
  file.set(json, lengthBytes);
  let offset = lengthBytes + headerLength;
  for (const [, { data }] of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

interface ByteRange {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

function splitFile(
  bytes: Uint8Array,
  file: string,
): { readonly header: Uint8Array; readonly body: Uint8Array } {
  if (bytes.length < lengthBytes) {
    throw damaged(file, "byte 0", "8 bytes of header length", `a file of ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  const available = bytes.length - lengthBytes;
  if (length > BigInt(Math.min(available, headerLimit))) {
    throw damaged(file, "byte 0", `a header of at most ${available} bytes`, `${length}`);
  }
  const bodyStart = lengthBytes + Number(length);
  // A Buffer's `slice` does not copy; a plain view's does.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { header: plain.subarray(lengthBytes, bodyStart), body: plain.subarray(bodyStart) };
}

function parseHeader(header: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(header));
  } catch (error) {
    throw damaged(file, "header", "JSON in UTF-8", messageOf(error));
  }
  if (!isRecord(parsed)) throw damaged(file, "header", "a JSON object", typeof parsed);
  return parsed;
}

function readMetadata(entry: unknown, file: string): Readonly<Record<string, string>> {
  if (!isRecord(entry)) throw damaged(file, "__metadata__", "a JSON object", typeof entry);
  const metadata: [string, string][] = [];
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value !== "string") {
      throw damaged(file, `__metadata__, key ${quoted(key)}`, "a string", typeof value);
    }
    metadata.push([key, value]);
  }
  return Object.fromEntries(metadata);
}

function readEntry(
  name: string,
  entry: unknown,
  bodyLength: number,
  file: string,
): {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly range: ByteRange;
} {
  const place = `tensor ${quoted(name)}`;
  if (!isRecord(entry)) throw damaged(file, place, "a JSON object", typeof entry);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) {
    const known = Object.keys(arrayTypes).join(", ");
    throw damaged(file, place, `a dtype among ${known}`, shown(dtype));
  }
  if (!isExtents(shape)) {
    throw damaged(file, place, "a shape of non-negative integers", shown(shape));
  }
  const [begin, end] = isExtents(offsets) && offsets.length === 2 ? offsets : [];
  if (begin === undefined || end === undefined || begin > end || end > bodyLength) {
    const expected = `data_offsets within the file's ${bodyLength} bytes of data`;
    throw damaged(file, place, expected, shown(offsets));
  }
  const length = shape.reduce((product, extent) => product * extent, elementBytes(dtype));
  if (length !== end - begin) {
    const expected = `${length} bytes for ${dtype}[${shape.join(", ")}]`;
    throw damaged(file, place, expected, `data_offsets of ${end - begin} bytes`);
  }
  return { dtype, shape, range: { name, begin, end } };
}

/** Tensors may stand in any order, but every byte belongs to exactly one of them. */
function checkCoverage(ranges: readonly ByteRange[], bodyLength: number, file: string): void {
  let position = 0;
  for (const { name, begin, end } of [...ranges].sort(
    (a, b) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== position) {
      const expected = `data from byte ${position}, without holes or overlaps`;
      throw damaged(file, `tensor ${quoted(name)}`, expected, `byte ${begin}`);
    }
    position = end;
  }
  if (position !== bodyLength) {
    throw damaged(file, "end of the file", `${position} bytes of data`, `${bodyLength}`);
  }
}

/** `bytes` is a copy of its own, so that it is aligned for any element. */
function createTensor(
  dtype: SafetensorsDtype,
  shape: readonly number[],
  bytes: Uint8Array,
): SafetensorsTensor {
  const count = bytes.byteLength / elementBytes(dtype);
  const data = new arrayTypes[dtype](bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  return { dtype, shape, data } as SafetensorsTensor;
}

function elementBytes(dtype: SafetensorsDtype): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === "string" && Object.hasOwn(arrayTypes, value);
}

function isExtents(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function damaged(file: string, place: string, expected: string, found: string): DataError {
  const hint = "the file is damaged or not safetensors; save it anew or take another copy";
  return new DataError({ file, place, expected, found, hint });
}
