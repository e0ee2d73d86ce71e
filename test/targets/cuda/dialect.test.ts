/** Expressions as CUDA C++. */

import { expect, test } from "vitest";
import {
  add,
  bitcast,
  constant,
  convert,
  f32,
  i32,
  lane,
  operation,
  variable,
  vectorOf,
} from "../../../compiler/kernel/build.ts";
import type { Expression } from "../../../compiler/kernel/ir.ts";
import { CLikePrinter } from "../../../compiler/targets/c-like-printer.ts";
import { cudaDialect, noMemory } from "../../../compiler/targets/cuda/dialect.ts";

test("literals are read back as they are, and operators as C++ has them", () => {
  const printer = new CLikePrinter(cudaDialect(noMemory, () => {}));
  const print = (e: Expression) => printer.expression(e);
  const [a, b, c] = ["a", "b", "c"].map((name) => variable(name, i32)) as [
    Expression,
    Expression,
    Expression,
  ];
  const v = variable("v", vectorOf("f32", 4));
  expect(print(constant(0.1, "f32"))).toBe("0.1f");
  expect(print(constant(-0, "f32"))).toBe("-0.0f");
  expect(print(constant(3.4028234663852886e38, "f32"))).toBe("3.4028235e+38f");
  expect(print(constant(1e-45, "f32"))).toBe("1e-45f");
  expect(print(constant(Number.NaN, "f32"))).toBe("__uint_as_float(0x7fc00000u)");
  expect(print(constant(-Infinity, "f32"))).toBe("__uint_as_float(0xff800000u)");
  expect(print(constant(-2147483648))).toBe("(-2147483647 - 1)");
  expect(print(constant(1.5, "bf16"))).toBe("nnc_bf16{0x3fc0}");
  expect(print(constant(-1.5, "f16"))).toBe("nnc_f16{0xbe00}");
  expect(print(constant(2 ** -24, "f16"))).toBe("nnc_f16{0x1}");
  expect(print(constant(1e9, "f16"))).toBe("nnc_f16{0x7c00}");
  expect(print(operation("shiftLeft", add(a, b), c))).toBe("(a + b) << c");
  expect(print(operation("and", operation("or", a, b), c))).toBe("(a | b) & c");
  expect(print(operation("min", a, b))).toBe("nnc_min(a, b)");
  expect(print(bitcast(a, "f32"))).toBe("__int_as_float(a)");
  expect(print(bitcast(add(a, b), "u32"))).toBe("(unsigned)(a + b)");
  expect(print(convert(add(a, b), "f32"))).toBe("(float)(a + b)");
  expect(print(convert(variable("x", f32), "i32"))).toBe("nnc_i32_from_f32(x)");
  expect(print(operation("add", v, constant(1, "f32")))).toBe("v + nnc_f32x4_of(1.0f)");
  expect(print(lane(operation("negate", v), 2))).toBe("nnc_negate(v).z");
});
