/** ONNX files: models, and tensors in files of their own. */

import { NotExpressible, type Tensor } from "../case-program.ts";
import {
  type AttributeMessage,
  decodeModel,
  decodeTensor,
  type GraphMessage,
  type NodeMessage,
  type TensorMessage,
} from "./schema.ts";

/** A file that is not what it says it is. */
export class BadOnnxFile extends Error {}

export interface OnnxTensor extends Tensor {
  readonly name: string;
  /** What the file calls the type of the elements: `float16`, `int64`. */
  readonly elementType: string;
}

export type Attribute =
  | number
  | string
  | OnnxTensor
  | OnnxGraph
  | readonly number[]
  | readonly string[];

export interface OnnxNode {
  readonly opType: string;
  /** Empty for ONNX' own operators. */
  readonly domain: string;
  /** Names of values; empty where an optional one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface OnnxModel {
  /** Version of the operators of each domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
}

export interface OnnxGraph {
  /** In an order in which they can be computed. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** Names of what is given, initializers not counted. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

interface ElementType {
  readonly name: string;
  readonly dtype: Tensor["dtype"];
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
  /** Elements that stand in a field of their own instead of as raw bytes. */
  readonly listed: (tensor: TensorMessage) => readonly number[];
}

/**
 * The element types by their numbers. The language has 32 bits for numbers: double becomes f32, as the cases are compared
 * to four digits, and int64 becomes i32, as they hold indices, sizes and small counts.
 */
const elementTypes: ReadonlyMap<number, ElementType> = new Map([
  [
    1,
    {
      name: "float",
      dtype: "f32",
      bytes: 4,
      read: (view, at) => view.getFloat32(at, true),
      listed: ({ floatData }) => floatData,
    },
  ],
  [
    6,
    {
      name: "int32",
      dtype: "i32",
      bytes: 4,
      read: (view, at) => view.getInt32(at, true),
      listed: ({ int32Data }) => int32Data,
    },
  ],
  [
    7,
    {
      name: "int64",
      dtype: "i32",
      bytes: 8,
      read: (view, at) => Number(view.getBigInt64(at, true)),
      listed: ({ int64Data }) => int64Data,
    },
  ],
  [
    9,
    {
      name: "bool",
      dtype: "bool",
      bytes: 1,
      read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
      listed: ({ int32Data }) => int32Data,
    },
  ],
  [
    10,
    {
      name: "float16",
      dtype: "f32",
      bytes: 2,
      read: (view, at) => halfToNumber(view.getUint16(at, true)),
      listed: ({ int32Data }) => int32Data.map(halfToNumber),
    },
  ],
  [
    11,
    {
      name: "double",
      dtype: "f32",
      bytes: 8,
      read: (view, at) => view.getFloat64(at, true),
      listed: ({ doubleData }) => doubleData,
    },
  ],
]);

/** The element type that an attribute such as `to` of Cast means. */
export function dtypeOf(dataType: number): Tensor["dtype"] {
  return elementType(dataType).dtype;
}

function elementType(dataType: number): ElementType {
  const type = elementTypes.get(dataType);
  if (type === undefined) throw new NotExpressible(`elements of ONNX' type ${dataType}`);
  return type;
}

/** A number of IEEE 754's binary16, from its bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Reads what `decode` makes of bytes; says what cannot be decoded. */
function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new BadOnnxFile(`not ${what}: ${error instanceof Error ? error.message : error}`);
  }
}

/** A tensor in a file of its own. */
export function readTensor(bytes: Uint8Array): OnnxTensor {
  return tensorOf(decoded("a tensor of ONNX", () => decodeTensor(bytes)));
}

/** How many elements a file says that it has is believed only once they were found. */
function tensorOf(message: TensorMessage): OnnxTensor {
  const { name, dims, dataType, rawData, dataLocation } = message;
  const type = elementType(dataType);
  if (dataLocation !== 0) throw new NotExpressible("tensors whose elements are in other files");
  if (!dims.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new BadOnnxFile(`the tensor ${name} has the sizes ${dims.join(", ")}`);
  }
  const count = dims.reduce((product, size) => product * size, 1);
  const isRaw = rawData.length > 0;
  const found = isRaw ? rawData.length / type.bytes : type.listed(message).length;
  if (found !== count) {
    throw new BadOnnxFile(`the tensor ${name} has ${found} elements of ${count}`);
  }
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  const data = isRaw
    ? Float64Array.from({ length: count }, (_, i) => type.read(view, i * type.bytes))
    : type.listed(message);
  if (type.name === "double" && Array.from(data).some(isBeyondSingle)) {
    throw new NotExpressible("numbers that are infinite in float32");
  }
  return { name, dtype: type.dtype, elementType: type.name, shape: dims, data };
}

const isBeyondSingle = (value: number): boolean =>
  Number.isFinite(value) && !Number.isFinite(Math.fround(value));

/** A model's file. */
export function readModel(bytes: Uint8Array): OnnxModel {
  const { opsets, graph } = decoded("a model of ONNX", () => decodeModel(bytes));
  if (graph === null) throw new BadOnnxFile("a model without a graph");
  return {
    opsets: new Map(opsets.map(({ domain, version }) => [ownDomain(domain), version])),
    graph: graphOf(graph),
  };
}

function graphOf({ nodes, initializers, inputs, outputs }: GraphMessage): OnnxGraph {
  const tensors = initializers.map((message) => [message.name, tensorOf(message)] as const);
  const given = new Map(tensors);
  return {
    nodes: nodes.map(nodeOf),
    initializers: given,
    inputs: inputs.map(({ name }) => name).filter((name) => !given.has(name)),
    outputs: outputs.map(({ name }) => name),
  };
}

/** ONNX' own operators have the empty domain, by its other name too. */
const ownDomain = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

function nodeOf({ opType, domain, inputs, outputs, attributes }: NodeMessage): OnnxNode {
  return {
    opType,
    domain: ownDomain(domain),
    inputs,
    outputs,
    attributes: new Map(
      attributes.map((attribute) => [attribute.name, attributeOf(opType, attribute)]),
    ),
  };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function attributeOf(opType: string, attribute: AttributeMessage): Attribute {
  const { name, type, f, i, s, t, g, floats, ints, strings } = attribute;
  const kinds: Readonly<Record<number, () => Attribute>> = {
    1: () => f,
    2: () => i,
    3: () => text(s),
    4: () => {
      if (t === null) throw new BadOnnxFile(`the attribute ${name} of ${opType} has no tensor`);
      return tensorOf(t);
    },
    5: () => {
      if (g === null) throw new BadOnnxFile(`the attribute ${name} of ${opType} has no graph`);
      return graphOf(g);
    },
    6: () => floats,
    7: () => ints,
    8: () => strings.map(text),
  };
  const read = kinds[type];
  if (read === undefined) {
    throw new NotExpressible(`the attribute ${name} of ${opType}, of ONNX' kind ${type}`);
  }
  return read();
}
