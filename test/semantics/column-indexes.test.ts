/** What a program says of the elements of its columns, which the readers of data check. */

import { describe, expect, it } from "vitest";
import { lowerSound } from "./lowering.ts";

/** By column: what its elements may be. */
function indexesOf(loss: string, label = "i32", body = "output p = x |> Dense(10, softmax)") {
  const { columns } = lowerSound(`
model M {
  input x: f32[N, 4]
  input tokens: i32[N, 6]
  ${body}
  output e = tokens |> Embedding(50, 3)
}
data d {
  train {
    x = npz("d.npz", key = "x")
    tokens = npz("d.npz", key = "tokens")
    label: ${label} = npz("d.npz", key = "label")
  }
}
train M on d {
  loss      ${loss} + mean(e)
  optimizer SGD()
}
`);
  return Object.fromEntries(columns.map(({ name, indexes }) => [name, indexes]));
}

describe("elements of a column", () => {
  it("are classes and tokens of which there are so many", () => {
    const expected = {
      x: undefined,
      tokens: { what: "token", count: 50 },
      label: { what: "class", count: 10 },
    };
    expect(indexesOf("sparse_categorical_crossentropy(label, p)")).toEqual(expected);
    // In another shape and type they are the same.
    expect(indexesOf("sparse_categorical_crossentropy(label, p)", "u8[1]")).toEqual(expected);
  });

  it("may be a class that is left out, or -1 where a mask leaves out", () => {
    const ignoring = "sparse_categorical_crossentropy(label, p, ignore_class = 255)";
    expect(indexesOf(ignoring).label).toEqual({ what: "class", count: 10, besides: 255 });
    const masked = "output p = tokens |> Embedding(50, 3, mask_zero = true) |> Dense(10, softmax)";
    const loss = "sparse_categorical_crossentropy(label, p) + mean(x)";
    expect(indexesOf(loss, "i32[6]", masked).label).toEqual({
      what: "class",
      count: 10,
      besides: -1,
    });
  });

  it("are what all uses allow", () => {
    const twice =
      "sparse_categorical_crossentropy(label, p, ignore_class = -1) + " +
      'mean(f32(as_index(label, 7, "place")))';
    expect(indexesOf(twice).label).toEqual({ what: "place", count: 7 });
  });

  it("may be anything where a part of a row is read, or numbers computed from them", () => {
    expect(indexesOf('mean(f32(as_index(label[:, 1], 7, "place")))', "i32[2]").label).toBe(
      undefined,
    );
    expect(indexesOf('mean(f32(as_index(label + 1, 7, "place")))').label).toBe(undefined);
    expect(indexesOf("mse(one_hot(label, 10), p)").label).toBe(undefined);
  });
});
