/** The rows of the summary, for graphs that are no chain: what each application of a layer reads, as in Keras. */

import { describe, expect, it } from "vitest";
import { lowerSound } from "./lowering.ts";

function rows(model: string): string[] {
  return lowerSound(model).layers.map(
    ({ name, parameters, connectedTo }) => `${name} ${parameters} <- ${connectedTo.join(", ")}`,
  );
}

describe("the rows of a summary", () => {
  it("count a shared layer once, and list what each of its applications reads", () => {
    const model = `model Siamese {
  input left: f32[N, 8]
  input right: f32[N, 8]
  encoder = Dense(4)
  near = encoder(left)
  output distance = [near, right / 2 |> Activation(relu) |> encoder] |> Subtract
}
`;
    expect(rows(model)).toEqual([
      "left 0 <- ",
      "right 0 <- ",
      "activation 0 <- right[0][0]",
      "encoder 36 <- left[0][0], activation[0][0]",
      "subtract 0 <- encoder[0][0], encoder[1][0]",
    ]);
  });

  it("list a model used as a layer as one row, with the outputs that are read", () => {
    const model = `model Heads {
  input x: f32[N, 8]
  h = x |> Dense(4)
  output first = h |> Dense(1)
  output second = h |> Dense(2)
}
model Whole {
  input x: f32[N, 8]
  (first, second) = x |> Heads
  output y = [second, first] |> Concatenate
}
`;
    expect(rows(model)).toEqual([
      "x 0 <- ",
      "Heads 51 <- x[0][0]",
      "concatenate 0 <- Heads[0][1], Heads[0][0]",
    ]);
  });

  it("go through operations that are no layers, and see layers that do nothing", () => {
    const model = `model Residual {
  input x: f32[N, 8]
  h = x / 2 |> Dense(8)
  dropped = h |> Dropout(0.5)
  output y = dropped + h |> Dense(1)
}
`;
    expect(rows(model)).toEqual([
      "x 0 <- ",
      "dense 72 <- x[0][0]",
      "dropout 0 <- dense[0][0]",
      "dense_1 9 <- dense[0][0]",
    ]);
    expect(rows(model.replace("dropped + h", "dropped"))).toEqual([
      "x 0 <- ",
      "dense 72 <- x[0][0]",
      "dropout 0 <- dense[0][0]",
      "dense_1 9 <- dropout[0][0]",
    ]);
  });
});
