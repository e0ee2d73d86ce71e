/** Which of the measured plans is taken, from made-up times. */

import { describe, expect, it } from "vitest";
import { choosePlans, stepSeconds } from "../../compiler/cli/tuning/choose-plans.ts";
import { launchOf, planOf } from "./tuned-launches.ts";

describe("plans chosen by measured times", () => {
  it("are the fastest, by the least of their rounds", () => {
    const [chosen] = choosePlans([
      launchOf("a", [
        [5, 4],
        [3, 9],
        [3.5, 3.5],
      ]),
    ]);
    expect(chosen!.predicted).toMatchObject({ choice: planOf(0), seconds: 4 });
    expect(chosen!.tuned).toMatchObject({ choice: planOf(1), seconds: 3 });
    expect(chosen!.measured.map(({ seconds }) => seconds)).toEqual([4, 3, 3.5]);
  });

  it("are the predicted ones where others win by too little, or by no more than noise", () => {
    const close = launchOf("a", [[1], [0.985]]);
    expect(choosePlans([close])[0]!.tuned.choice).toEqual(planOf(0));
    const noisy = { ...launchOf("a", [[1], [0.95]]), again: [1.04] };
    const [chosen] = choosePlans([noisy]);
    expect(chosen!.tuned.choice).toEqual(planOf(0));
    expect(chosen!.noise).toBeCloseTo(0.04);
    expect(choosePlans([{ ...noisy, again: [1.01] }])[0]!.tuned.choice).toEqual(planOf(1));
  });

  it("are one for all kernels of a shape, which count together", () => {
    const shapes = choosePlans([
      launchOf("a", [[1], [0.5]]),
      launchOf("b", [[4], [2]]),
      launchOf("a", [[4], [4.2]], "second"),
    ]);
    expect(shapes.map(({ shape, tuned }) => [shape, tuned.choice])).toEqual([
      ["a", planOf(1)],
      ["b", planOf(1)],
    ]);
    expect(shapes[0]!.kernels).toEqual(["train: kernel", "train: second"]);
    expect(shapes[0]!.predicted).toMatchObject({ seconds: 5, predictedSeconds: 2 });
  });

  it("leave out candidates that were not run, and kernels without a contraction", () => {
    const shapes = choosePlans([launchOf("a", [[2], [], [1]]), launchOf(null, [[1], [1], [1]])]);
    expect(shapes).toHaveLength(1);
    expect(shapes[0]!.measured).toHaveLength(2);
    expect(shapes[0]!.tuned.choice).toEqual(planOf(2));
  });

  it("make steps of their kernels and all others", () => {
    const launches = [launchOf("a", [[2], [1]]), launchOf(null, [[3], [3]])];
    const steps = stepSeconds(launches, choosePlans(launches));
    expect([...steps]).toEqual([["train", { predicted: 5, tuned: 4 }]]);
  });
});
