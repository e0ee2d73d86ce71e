/**
 * The messages of ONNX that the reader uses, as far as it uses them, by the numbers of
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3. What is not listed is skipped.
 */

import protobuf from "protobufjs/light.js";

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: "repeated" });
const message = (fields: Record<string, protobuf.IField>) => ({ fields });

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: message({ graph: field(7, "GraphProto"), opsets: repeated(8, "OperatorSet") }),
    OperatorSet: message({ domain: field(1, "string"), version: field(2, "int64") }),
    GraphProto: message({
      nodes: repeated(1, "NodeProto"),
      initializers: repeated(5, "TensorProto"),
      inputs: repeated(11, "ValueInfo"),
      outputs: repeated(12, "ValueInfo"),
    }),
    ValueInfo: message({ name: field(1, "string") }),
    NodeProto: message({
      inputs: repeated(1, "string"),
      outputs: repeated(2, "string"),
      opType: field(4, "string"),
      attributes: repeated(5, "AttributeProto"),
      domain: field(7, "string"),
    }),
    AttributeProto: message({
      name: field(1, "string"),
      f: field(2, "float"),
      i: field(3, "int64"),
      s: field(4, "bytes"),
      t: field(5, "TensorProto"),
      g: field(6, "GraphProto"),
      floats: repeated(7, "float"),
      ints: repeated(8, "int64"),
      strings: repeated(9, "bytes"),
      type: field(20, "int32"),
    }),
    TensorProto: message({
      dims: repeated(1, "int64"),
      dataType: field(2, "int32"),
      floatData: repeated(4, "float"),
      int32Data: repeated(5, "int32"),
      int64Data: repeated(7, "int64"),
      name: field(8, "string"),
      rawData: field(9, "bytes"),
      doubleData: repeated(10, "double"),
      dataLocation: field(14, "int32"),
    }),
  },
});

export interface TensorMessage {
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly number[];
  readonly doubleData: readonly number[];
  readonly name: string;
  readonly rawData: Uint8Array;
  readonly dataLocation: number;
}

export interface AttributeMessage {
  readonly name: string;
  readonly type: number;
  readonly f: number;
  readonly i: number;
  readonly s: Uint8Array;
  readonly t: TensorMessage | null;
  readonly g: GraphMessage | null;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly Uint8Array[];
}

export interface NodeMessage {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly opType: string;
  readonly domain: string;
  readonly attributes: readonly AttributeMessage[];
}

export interface GraphMessage {
  readonly nodes: readonly NodeMessage[];
  readonly initializers: readonly TensorMessage[];
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly name: string }[];
}

export interface ModelMessage {
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: GraphMessage | null;
}

/** Fields that are absent have their default values; numbers of 64 bits become those of JavaScript. */
function decode<T>(name: string, bytes: Uint8Array): T {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { longs: Number, defaults: true }) as T;
}

export const decodeModel = (bytes: Uint8Array) => decode<ModelMessage>("ModelProto", bytes);
export const decodeTensor = (bytes: Uint8Array) => decode<TensorMessage>("TensorProto", bytes);
