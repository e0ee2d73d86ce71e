/** Random models of the library's layers have the derivatives that differences tell. */

import { expect, test } from "vitest";
import { checkDerivatives } from "../../compiler/derivatives/check.ts";
import { randomLayers } from "./random-models.ts";

test("random models of the library's layers have the derivatives that differences tell", () => {
  for (const { program, text } of randomLayers(20_261_122, 12)) {
    const { checks } = checkDerivatives(program, { all: true, budget: 1e8 });
    const wrong = checks.filter(({ outcome }) => outcome === "differs");
    expect(wrong, text).toEqual([]);
    expect(
      checks.some(({ outcome }) => outcome === "agrees"),
      text,
    ).toBe(true);
  }
});
