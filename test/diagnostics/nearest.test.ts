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

  it.each([
    ["Adm", ["Add", "Adam"], "Adam"],
    ["lr", ["rho", "l1", "linear", "learning_rate"], "learning_rate"],
    ["img", ["image", "h"], "image"],
    ["acc", ["mse", "accuracy", "accumulates"], "accuracy"],
    ["val_acc", ["loss", "val_loss", "val_accuracy"], "val_accuracy"],
    ["None", ["N", "none"], "none"],
    ["validation_split", ["epochs", "validation", "valid"], "validation"],
  ])("of %s among %j is %s", (name, known, expected) => {
    expect(nearest(name, known)).toBe(expected);
  });

  it.each(["h", "x", "Conv2D", "Activation", ""])("of %s is none", (name) => {
    expect(nearest(name, ["Dense", "Dropout", "relu"])).toBeUndefined();
  });
});
