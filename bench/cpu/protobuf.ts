/** Protocol buffers, as much of them as ONNX files need: https://protobuf.dev/programming-guides/encoding/ */

/** A message: its fields in order. */
export type Message = readonly Field[];

type Field = readonly [number: number, value: string | number | Uint8Array | Message];

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Numbers are whole and not negative. */
export function encode(message: Message): Uint8Array {
  return Buffer.concat(message.map(encodeField));
}

function encodeField([number, value]: Field): Uint8Array {
  if (typeof value === "number") return Buffer.concat([tag(number, VARINT), varint(value)]);
  const bytes = encodeBytes(value);
  return Buffer.concat([tag(number, LENGTH_DELIMITED), varint(bytes.length), bytes]);
}

function encodeBytes(value: string | Uint8Array | Message): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  return value instanceof Uint8Array ? value : encode(value);
}

function tag(number: number, type: number): Uint8Array {
  return varint(number * 8 + type);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}
