/** How losses are reduced and weighted: explicit weights, those of the batch, masks; and as metrics over batches. */

import { describe, expect, it } from "vitest";
import { lowerText, messages } from "../semantics/lowering.ts";
import { lossOf, metricsOf } from "./trained-case.ts";

const rows = 4;
const p = [0.5, 1, 2, 4, 8, 16, 1, 3];
const zeros = p.map(() => 0);
const w = [1, 2, 0, 5];
const each = [0, 1, 2, 3].map((n) => (p[2 * n]! ** 2 + p[2 * n + 1]! ** 2) / 2);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const weighted = sum(each.map((value, n) => value * w[n]!));
const columns = {
  p: { type: "f32[2]", data: p },
  t: { type: "f32[2]", data: zeros },
  w: { type: "f32", data: w },
};
const loss = (expression: string, weight?: string) =>
  lossOf({ columns, loss: expression, ...(weight && { weight }) }, rows);

describe("reductions", () => {
  it.each([
    ["sum_over_batch_size", weighted / rows],
    ["mean", weighted / rows],
    ["sum", weighted],
    ["mean_with_sample_weight", weighted / sum(w)],
  ])("%s, with weights of the call and of the batch", (reduction, wanted) => {
    const call = `MeanSquaredError(reduction = "${reduction}")`;
    expect(loss(`${call}(t, p, w)`)).toBeCloseTo(wanted, 10);
    expect(loss(`${call}(t, p)`, "w")).toBeCloseTo(wanted, 10);
  });

  it("multiply weights of the call and of the batch", () => {
    const squares = sum(each.map((value, n) => value * w[n]! ** 2));
    expect(loss("MeanSquaredError()(t, p, w)", "w")).toBeCloseTo(squares / rows, 10);
    const call = 'MeanSquaredError("mean_with_sample_weight")(t, p, w)';
    const norm = sum(w.map((value) => value ** 2));
    expect(loss(call, "w")).toBeCloseTo(squares / norm, 10);
  });

  it("give the values themselves, which are no loss", () => {
    expect(loss('sum(MeanSquaredError("none")(t, p, w) * w)')).toBeCloseTo(
      sum(each.map((value, n) => value * w[n]! ** 2)),
      10,
    );
    expect(refused("MeanSquaredError(none)(t, p)")).toContain(
      "not-a-scalar: the loss must be a single number, not f32[N]",
    );
    expect(refused('MeanSquaredError("average")(t, p)')).toContain("the reduction is sum_over_b");
    expect(refused("MeanSquaredError()(t, p, t)")).toContain("weights have more dimensions");
  });

  it("take the value of the whole batch for every sample", () => {
    const dice = 1 - (2 * sum(p)) / (sum(p) + rows * 2 + 1e-7);
    expect(loss("Dice()(t + 1, p)")).toBeCloseTo(dice, 10);
    expect(loss("Dice()(t + 1, p)", "w")).toBeCloseTo((dice * sum(w)) / rows, 10);
  });
});

function refused(expression: string): string {
  const { diagnostics } = lowerText(`
    model M {
      input x: f32[N, 2]
      output p = x |> Dense(2)
    }
    data d {
      train {
        x: f32[2] = npy("x.npy")
        t: f32[2] = npy("t.npy")
      }
    }
    train M on d {
      loss ${expression}
      optimizer SGD()
    }`);
  return messages(diagnostics).join("\n");
}

describe("values that do not count", () => {
  const labels = [0, 1, 2, 1];
  const logits = Array.from({ length: 12 }, (_, i) => Math.sin(2 * i));
  const value = (n: number) => {
    const row = logits.slice(3 * n, 3 * n + 3);
    return Math.log(sum(row.map(Math.exp))) - row[labels[n]!]!;
  };
  const given = {
    p: { type: "f32[3]", data: logits },
    t: { type: "i32", data: labels },
    w: { type: "f32", data: w },
  };
  const call = "SparseCategoricalCrossentropy(from_logits = true, ignore_class = 1)(t, p)";

  it("leave the mean of a loss", () => {
    const kept = value(0) + value(2);
    expect(lossOf({ columns: given, loss: call }, rows)).toBeCloseTo(kept / 2, 10);
    const weighed = value(0) * w[0]! + value(2) * w[2]!;
    const loss = lossOf({ columns: given, loss: call, weight: "w" }, rows);
    expect(loss).toBeCloseTo(weighed / 2, 10);
  });

  it("leave the weights of a metric, and count where there are none, as in Keras", () => {
    const metrics = [`m = ${call}`];
    const m = (weight?: string) =>
      metricsOf({ columns: given, metrics, ...(weight && { weight }) }, [3, 1]).m;
    expect(m()).toBeCloseTo((value(0) + value(2)) / rows, 10);
    expect(m("w")).toBeCloseTo((value(0) * w[0]! + value(2) * w[2]!) / (w[0]! + w[2]!), 10);
  });

  const steps = {
    p: { type: "f32[2, 1]", data: p },
    t: { type: "f32[2, 1]", data: zeros },
    w: { type: "f32", data: w },
  };
  const output = "with_mask(given + zero, given[:, :, 0] < 5.0)";
  const kept = p.map((x) => x < 5);
  const squares = p.map((x, i) => (kept[i] ? x * x : 0));

  it("are steps that the predictions' mask leaves out", () => {
    const count = kept.filter(Boolean).length;
    const losses = ["mse(t, p)", "MeanSquaredError()(t, p)"];
    for (const loss of losses) {
      expect(lossOf({ columns: steps, output, loss }, rows)).toBeCloseTo(sum(squares) / count, 10);
      const weighed = sum(squares.map((value, i) => value * w[Math.floor(i / 2)]!));
      const found = lossOf({ columns: steps, output, loss, weight: "w" }, rows);
      expect(found).toBeCloseTo(weighed / count, 10);
    }
    const loss = 'MeanSquaredError("sum")(t, p)';
    expect(lossOf({ columns: steps, output, loss }, rows)).toBeCloseTo(sum(squares), 10);
  });

  it("are steps that have a value each, whatever they are, and of no region", () => {
    const masked = "with_mask(given + zero, given < 5.0)";
    const columns = {
      t: { type: "f32[2]", data: p.map((x) => (x < 5 ? 0 : Number.NaN)) },
      one: { type: "f32[2]", data: p.map(() => 1) },
      p: { type: "f32[2]", data: p },
      w: steps.w,
    };
    const given = { columns, output: masked };
    const count = kept.filter(Boolean).length;
    const found = lossOf({ ...given, loss: "mse(t, p)" }, rows);
    expect(found).toBeCloseTo(sum(squares) / count, 10);
    const inside = sum(p.filter((x) => x < 5));
    const dice = 1 - (2 * inside) / (inside + count + 1e-7);
    expect(lossOf({ ...given, loss: "dice(one, p)" }, rows)).toBeCloseTo(dice, 10);
    const weighed = lossOf({ ...given, loss: "dice(one, p)", weight: "w" }, rows);
    expect(weighed).toBeCloseTo((dice * sum(w)) / rows, 10);
  });

  it("are so in metrics, over all batches", () => {
    const weights = kept.map((is, i) => (is ? w[Math.floor(i / 2)]! : 0));
    const metrics = ["m = mse(t, p)", "n = Accuracy()(t + 3, p)"];
    const found = metricsOf({ columns: steps, output, metrics, weight: "w" }, [1, 3]);
    expect(found.m).toBeCloseTo(sum(squares.map((v, i) => v * weights[i]!)) / sum(weights), 10);
    expect(found.n).toBeCloseTo(weights[7]! / sum(weights), 10);
    const unweighted = metricsOf({ columns: steps, output, metrics }, [3, 1]);
    expect(unweighted.m).toBeCloseTo(sum(squares) / kept.filter(Boolean).length, 10);
  });
});
