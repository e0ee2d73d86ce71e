import { describe, expect, it } from "vitest";
import { nearest } from "../../compiler/diagnostics/nearest.ts";

describe("the nearest name", () => {
  it.each([
    ["Dnese", "Dense"],
    ["dense", "Dense"],
    ["Desne", "Dense"],
    ["Dens", "Dense"],
    ["relu6", "relu"],
    ["categorical_crosentropy", "categorical_crossentropy"],
    ["Dropouts", "Dropout"],
  ])("of %s is %s", (name, expected) => {
    const known = ["Dense", "Dropout", "relu", "categorical_crossentropy", "mse"];
    expect(nearest(name, known)).toBe(expected);
  });

  it.each(["x", "Conv2D", "Activation", ""])("of %s is none", (name) => {
    expect(nearest(name, ["Dense", "Dropout", "relu"])).toBeUndefined();
  });
});
