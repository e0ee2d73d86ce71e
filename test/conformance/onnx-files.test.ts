/** What is read of ONNX files, written here byte by byte, and what becomes of files that are not as they should be. */

import { describe, expect, it } from "vitest";
import { encode, type Message } from "../../bench/cpu/protobuf.ts";
import { NotExpressible, sourceOf } from "./cases/case-program.ts";
import { BadOnnxFile, readModel, readTensor } from "./cases/onnx/model.ts";
import { onnxRules } from "./cases/onnx/rules.ts";
import { translate } from "./cases/onnx/translate.ts";

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const STRING = 8;
const BOOL = 9;
const FLOAT16 = 10;
const DOUBLE = 11;

const bytes = (array: ArrayLike<number> & ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** A TensorProto of a type and sizes; `fields` hold the elements. */
const tensor = (type: number, dims: readonly number[], ...fields: Message): Message => [
  ...dims.map((size) => [1, size] as const),
  [2, type],
  ...fields,
  [8, "t"],
];

const raw = (array: ArrayLike<number> & ArrayBufferView) => [9, bytes(array)] as const;

describe("tensors", () => {
  const longs = new Uint8Array(new BigInt64Array([-3n, 2n ** 40n]).buffer);
  it.each<[string, Message, string, number[]]>([
    ["raw floats", tensor(FLOAT, [2], raw(new Float32Array([0.5, -2]))), "f32", [0.5, -2]],
    ["listed floats", tensor(FLOAT, [2], [4, bytes(new Float32Array([1, 3]))]), "f32", [1, 3]],
    ["raw int32", tensor(INT32, [2], raw(new Int32Array([7, -7]))), "i32", [7, -7]],
    ["listed int32", tensor(INT32, [2], [5, 4], [5, 300]), "i32", [4, 300]],
    ["raw int64", tensor(INT64, [2], [9, longs]), "i32", [-3, 2 ** 40]],
    ["listed int64", tensor(INT64, [2], [7, 1], [7, 2 ** 33]), "i32", [1, 2 ** 33]],
    ["raw bools", tensor(BOOL, [3], raw(new Uint8Array([1, 0, 2]))), "bool", [1, 0, 1]],
    ["listed bools", tensor(BOOL, [2], [5, 0], [5, 1]), "bool", [0, 1]],
    ["raw doubles", tensor(DOUBLE, [1], raw(new Float64Array([1 / 3]))), "f32", [1 / 3]],
    ["listed doubles", tensor(DOUBLE, [1], [10, bytes(new Float64Array([8]))]), "f32", [8]],
    [
      "raw halves: 1, -0.5, the largest, the smallest, infinity",
      tensor(FLOAT16, [5], raw(new Uint16Array([0x3c00, 0xb800, 0x7bff, 1, 0x7c00]))),
      "f32",
      [1, -0.5, 65504, 2 ** -24, Number.POSITIVE_INFINITY],
    ],
    ["listed halves", tensor(FLOAT16, [1], [5, 0xc000]), "f32", [-2]],
    ["a scalar", tensor(FLOAT, [], raw(new Float32Array([4]))), "f32", [4]],
    ["nothing", tensor(FLOAT, [0, 3]), "f32", []],
  ])("%s", (_, message, dtype, data) => {
    const found = readTensor(encode(message));
    expect(found.dtype).toBe(dtype);
    expect(Array.from(found.data)).toEqual(data);
  });

  const whole = encode(tensor(FLOAT, [3], raw(new Float32Array([1, 2, 3]))));
  it.each<[string, Uint8Array, string]>([
    ["cut off", whole.subarray(0, -6), "not a tensor of ONNX: index out of range"],
    [
      "with fewer elements than sizes say",
      encode(tensor(FLOAT, [4], raw(new Float32Array(3)))),
      "the tensor t has 3 elements of 4",
    ],
    [
      "with part of an element",
      encode(tensor(FLOAT, [2], [9, new Uint8Array(7)])),
      "the tensor t has 1.75 elements of 2",
    ],
    [
      "with sizes beyond all memory",
      encode(tensor(FLOAT, [2 ** 50, 2 ** 50])),
      "the tensor t has 0 elements of 1.2676506002282294e+30",
    ],
    [
      "with a size beyond all numbers",
      encode(tensor(FLOAT, [2 ** 60])),
      "the tensor t has the sizes 1152921504606847000",
    ],
    ["that is a text", new TextEncoder().encode("no tensor at all"), "not a tensor of ONNX"],
  ])("a tensor %s is refused", (_, file, why) => {
    expect(() => readTensor(file)).toThrow(BadOnnxFile);
    expect(() => readTensor(file)).toThrow(why);
  });

  it.each<[string, Message, string]>([
    ["strings", tensor(STRING, [1], [6, "text"]), "elements of ONNX' type 8"],
    ["other files", tensor(FLOAT, [1], [14, 1]), "tensors whose elements are in other files"],
    [
      "doubles too large for float32",
      tensor(DOUBLE, [1], raw(new Float64Array([1e200]))),
      "numbers that are infinite in float32",
    ],
  ])("what the language has not: %s", (_, message, why) => {
    expect(() => readTensor(encode(message))).toThrow(NotExpressible);
    expect(() => readTensor(encode(message))).toThrow(why);
  });
});

const node = (
  op: string,
  inputs: readonly string[],
  ...attributes: readonly Message[]
): Message => [
  ...inputs.map((name) => [1, name] as const),
  [2, "y"],
  [4, op],
  ...attributes.map((attribute) => [5, attribute] as const),
];

const named = (name: string): Message => [[1, name]];

/** A model of the given nodes, from `x` to `y`. */
const model = (nodes: readonly Message[], ...more: Message): Uint8Array =>
  encode([
    [
      7,
      [
        ...nodes.map((message) => [1, message] as const),
        [11, named("x")],
        [12, named("y")],
        ...more,
      ],
    ],
    [
      8,
      [
        [1, ""],
        [2, 13],
      ],
    ],
  ]);

/** The model for x = [1, 2, 3]. */
function translated(file: Uint8Array) {
  const x = readTensor(encode(tensor(FLOAT, [3], raw(new Float32Array([1, 2, 3])))));
  return translate(readModel(file), new Map([["x", x]]), onnxRules);
}

const statements = (file: Uint8Array): readonly string[] => translated(file).program.statements;

describe("models", () => {
  it("are statements of the language, one for each operator", () => {
    expect(statements(model([node("Relu", ["x"])]))).toEqual(["v1 = relu(v0)"]);
  });

  it("leave out what no output needs", () => {
    const unused: Message = [
      [1, "x"],
      [2, "z"],
      [4, "Exp"],
    ];
    expect(statements(model([unused, node("Neg", ["x"])]))).toEqual(["v2 = -v0"]);
  });

  it("take their constants from initializers and from what is computed of them", () => {
    const sizes = tensor(INT64, [2], [7, 3], [7, 1]).with(-1, [8, "sizes"]);
    const file = model([node("Reshape", ["x", "sizes"])], [5, sizes]);
    expect(statements(file)).toEqual(["v2 = reshape(v0, [3, 1])"]);
  });

  it("make windows of signals of their size", () => {
    const size = tensor(INT64, [], [7, 4]).with(-1, [8, "size"]);
    expect(statements(model([node("HannWindow", ["size"])], [5, size]))).toEqual([
      "v2[v3 < 4] = 0.5 * cos(0.0 * v3) + -0.5 * cos(1.5707963267948966 * v3)",
    ]);
  });

  it("place triangles on the mel scale, here with corners at bins 0, 1 and 3", () => {
    const names = ["bins", "length", "rate", "lowest", "highest"];
    const given = [1, 16, 8000, 0, 4000].map(
      (value, i) => [5, tensor(INT64, [], [7, value]).with(-1, [8, names[i]!])] as const,
    );
    const weights: Message = [
      ...names.map((name) => [1, name] as const),
      [2, "w"],
      [4, "MelWeightMatrix"],
    ];
    const { program } = translated(model([weights, node("Neg", ["w"])], ...given));
    const [matrix] = [...program.inputs.values()].filter(({ shape }) => shape.length === 2);
    expect(matrix).toMatchObject({ shape: [9, 1], data: [0, 1, 0.5, 0, 0, 0, 0, 0, 0] });
  });

  it.each<[string, Uint8Array, string]>([
    ["no graph", encode([[8, named("")]]), "a model without a graph"],
    ["an unknown value", model([node("Relu", ["w"])]), "nothing gives the value w"],
    ["an output that nothing gives", model([]), "nothing gives the value y"],
    ["too few inputs", model([node("Add", ["x"])]), "Add without the input 1"],
    ["no tensor", new Uint8Array([0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]), "not a model of ONNX"],
  ])("with %s are refused", (_, file, why) => {
    expect(() => statements(file)).toThrow(BadOnnxFile);
    expect(() => statements(file)).toThrow(why);
  });

  it("say which operators the language has not", () => {
    expect(() => statements(model([node("NonZero", ["x"])]))).toThrow(NotExpressible);
  });

  it("compile as they are printed", () => {
    const x = readTensor(encode(tensor(FLOAT, [], raw(new Float32Array([1])))));
    const { program } = translate(
      readModel(model([node("Exp", ["x"])])),
      new Map([["x", x]]),
      onnxRules,
    );
    expect(sourceOf(program)).toContain("output out_y0 = broadcast_to(value_y0, [N])");
  });
});
