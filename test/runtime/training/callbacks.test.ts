/** Keras' callbacks against behaviour worked out by hand from Keras 3's sources. */

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { OptionValue } from "../../../runtime/plan.ts";
import { nodeStorage } from "../../../runtime/storage/node-storage.ts";
import type {
  Callback,
  CallbackState,
  Logs,
  TrainingControl,
  WeightsSnapshot,
} from "../../../runtime/training/callbacks/callback.ts";
import { createCallbacks } from "../../../runtime/training/callbacks/create.ts";
import { improvementDirection } from "../../../runtime/training/callbacks/monitor.ts";
import { fillPathTemplate } from "../../../runtime/training/callbacks/path-template.ts";

/** A `fit` of which only the epochs' logs exist; weights are the number of the epoch. */
class FakeFit implements TrainingControl {
  readonly metrics = ["loss", "accuracy"];
  readonly storage = nodeStorage;
  rate: number | undefined = 1;
  stopped = false;
  failure: string | undefined;
  epoch = 0;
  readonly messages: string[] = [];
  readonly warnings: string[] = [];
  readonly saved: string[] = [];
  restored: number | undefined;

  learningRate = () => this.rate;
  setLearningRate = (value: number) => {
    this.rate = value;
  };
  scheduled = (_schedule: string, epoch: number, rate: number) => rate / (epoch + 1);
  readonly hasFinalValues = false;
  exchangeFinalValues = async () => {};
  stop = () => {
    this.stopped = true;
  };
  fail = (message: string) => {
    this.failure = message;
  };
  snapshotWeights = async (): Promise<WeightsSnapshot> =>
    new Map([["w", Float32Array.of(this.epoch)]]);
  restoreWeights = async (weights: WeightsSnapshot) => {
    this.restored = weights.get("w")?.[0];
  };
  save = async (path: string, content: string) => {
    this.saved.push(`${content} ${path}`);
  };
  message = (text: string) => this.messages.push(text);
  warn = (text: string) => this.warnings.push(text);
}

function create(name: string, args: Record<string, OptionValue>): Callback {
  return createCallbacks([{ name, arguments: args }])[0]!;
}

/** Runs epochs until the callback stops; gives the number of epochs that ran. */
async function run(callback: Callback, epochs: readonly Logs[], fit = new FakeFit()) {
  await callback.onTrainBegin?.(fit);
  let ran = 0;
  for (const [epoch, logs] of epochs.entries()) {
    fit.epoch = epoch;
    await callback.onEpochEnd?.(epoch, logs, fit);
    ran++;
    if (fit.stopped) break;
  }
  await callback.onTrainEnd?.(fit);
  return { ran, fit };
}

const losses = (...values: number[]): Logs[] => values.map((val_loss) => ({ val_loss }));

describe("EarlyStopping", () => {
  it("stops at the first epoch without improvement by default, but not in epoch 1", async () => {
    expect((await run(create("EarlyStopping", {}), losses(3, 2, 2, 1))).ran).toBe(3);
    const worse = create("EarlyStopping", { baseline: 1 });
    // wait is 1 after epoch 1 as the baseline is not beaten; epoch 2 does not improve on the best.
    expect((await run(worse, losses(3, 3, 3))).ran).toBe(2);
  });

  it("waits for patience epochs", async () => {
    const stopping = create("EarlyStopping", { patience: 2 });
    expect((await run(stopping, losses(3, 4, 2, 5, 5, 1))).ran).toBe(5);
  });

  it("counts a change of min_delta as none", async () => {
    const stopping = create("EarlyStopping", { patience: 1, min_delta: -0.1 });
    // 0.6 to 0.5 is just 0.1 in float32, as Keras compares.
    expect((await run(stopping, losses(0.6, 0.5, 0.1))).ran).toBe(2);
  });

  it("follows accuracies upwards", async () => {
    const stopping = create("EarlyStopping", { monitor: "val_accuracy" });
    const epochs = [0.1, 0.5, 0.9, 0.8].map((val_accuracy) => ({ val_accuracy }));
    expect((await run(stopping, epochs)).ran).toBe(4);
  });

  it("does not look before start_from_epoch", async () => {
    const stopping = create("EarlyStopping", { start_from_epoch: 2 });
    expect((await run(stopping, losses(1, 9, 8, 9, 9))).ran).toBe(4);
  });

  it("restores the best weights, also when training ends by itself", async () => {
    const stopping = create("EarlyStopping", { restore_best_weights: true, patience: 5 });
    expect((await run(stopping, losses(3, 1, 2))).fit.restored).toBe(1);
    const unbeaten = create("EarlyStopping", {
      restore_best_weights: true,
      baseline: 0,
      patience: 2,
    });
    const { ran, fit } = await run(unbeaten, losses(3, 2, 4, 5));
    expect([ran, fit.restored]).toEqual([3, 1]);
  });

  it("keeps the wait of a worse baseline while the best improves", async () => {
    // Every epoch improves on the last, none beats 0.5: wait grows, yet only a non-improvement stops.
    const stopping = create("EarlyStopping", { baseline: 0.5, patience: 2 });
    expect((await run(stopping, losses(5, 4, 3, 2, 2))).ran).toBe(5);
  });

  it("warns of a metric that is not there", async () => {
    const { fit } = await run(create("EarlyStopping", {}), [{ loss: 1 }]);
    expect(fit.warnings).toEqual(["EarlyStopping: val_loss is not available, only loss"]);
  });

  it("goes on from its state as if never stopped", async () => {
    const epochs = losses(3, 2, 4, 4, 4);
    for (let cut = 1; cut < 4; cut++) {
      const first = create("EarlyStopping", { patience: 3, restore_best_weights: true });
      await run(first, epochs.slice(0, cut));
      const second = create("EarlyStopping", { patience: 3, restore_best_weights: true });
      const fit = new FakeFit();
      second.onTrainBegin?.(fit);
      second.restore?.(structuredClone(first.state!()));
      let ran = cut;
      for (const logs of epochs.slice(cut)) {
        fit.epoch = ran;
        await second.onEpochEnd?.(ran++, logs, fit);
        if (fit.stopped) break;
      }
      await second.onTrainEnd?.(fit);
      expect([ran, fit.restored]).toEqual([5, 1]);
    }
  });
});

describe("ReduceLROnPlateau", () => {
  const rates = async (args: Record<string, OptionValue>, values: number[]) => {
    const epochs = losses(...values);
    const fit = new FakeFit();
    await run(create("ReduceLROnPlateau", args), epochs, fit);
    return { during: epochs.map((logs) => logs.learning_rate), after: fit.rate };
  };

  it("multiplies by factor after patience epochs, and logs the rate of the epoch", async () => {
    const { during, after } = await rates({ patience: 2, factor: 0.5 }, [1, 1, 1, 1, 1, 1]);
    expect(during).toEqual([1, 1, 1, 0.5, 0.5, 0.25]);
    expect(after).toBe(0.25);
  });

  it("rests for cooldown epochs", async () => {
    // Reduced after epoch 2; epochs 3 and 4 cool down (the counter is 1, then 0 when epoch 4 is judged).
    const { during } = await rates({ patience: 1, factor: 0.5, cooldown: 2 }, [1, 1, 1, 1, 1]);
    expect(during).toEqual([1, 1, 0.5, 0.5, 0.25]);
  });

  it("does not go below min_lr", async () => {
    const { after } = await rates({ patience: 1, factor: 0.1, min_lr: 0.05 }, [1, 1, 1, 1, 1]);
    expect(after).toBe(0.05);
  });

  it("takes less than min_delta for no improvement", async () => {
    const { after } = await rates({ patience: 1, factor: 0.5 }, [1, 0.99995]);
    expect(after).toBe(0.5);
  });

  it("refuses a factor of 1 and an optimizer without a learning rate", async () => {
    expect(() => create("ReduceLROnPlateau", { factor: 1 })).toThrow(/factor must be below 1/);
    const fit = new FakeFit();
    fit.rate = undefined;
    await expect(run(create("ReduceLROnPlateau", {}), [], fit)).rejects.toThrow(/learning_rate/);
  });
});

describe("ModelCheckpoint", () => {
  it("saves every epoch under a formatted name", async () => {
    const saving = create("ModelCheckpoint", {
      filepath: "w/{epoch:02d}-{val_loss:.2f}.safetensors",
      save_weights_only: true,
    });
    const { fit } = await run(saving, losses(0.555, 1));
    expect(fit.saved).toEqual(["weights w/01-0.56.safetensors", "weights w/02-1.00.safetensors"]);
  });

  it("saves only the best", async () => {
    const saving = create("ModelCheckpoint", {
      filepath: "{epoch}.safetensors",
      save_best_only: true,
      initial_value_threshold: 2,
      verbose: 1,
    });
    const { fit } = await run(saving, losses(3, 1, 1.5, 0.5));
    expect(fit.saved).toEqual(["checkpoint 2.safetensors", "checkpoint 4.safetensors"]);
    expect(fit.messages[0]).toBe("Epoch 1: val_loss did not improve from 2.00000");
    expect(fit.messages[1]).toBe(
      "Epoch 2: val_loss improved from 2.00000 to 1.00000, saving model to 2.safetensors",
    );
  });

  it("saves every save_freq batches, across epochs", async () => {
    const saving = create("ModelCheckpoint", {
      filepath: "{epoch}-{batch}.safetensors",
      save_freq: 3,
    });
    const fit = new FakeFit();
    let waited = 0;
    for (let step = 0; step < 8; step++) {
      waited++;
      if (saving.batchesUntilCall?.() !== waited) continue;
      const at = { epoch: Math.floor(step / 4), batch: step % 4, ran: waited };
      await saving.onBatchesRun?.(at, fit, async () => ({ loss: 1 }));
      waited = 0;
    }
    expect(fit.saved).toEqual(["checkpoint 1-3.safetensors", "checkpoint 2-2.safetensors"]);
  });

  it("names a placeholder that is not known", async () => {
    const saving = create("ModelCheckpoint", { filepath: "{val_mae}.safetensors" });
    await expect(run(saving, losses(1))).rejects.toThrow(/asks for {val_mae}/);
  });
});

describe("CSVLogger", () => {
  const file = () => join(mkdtempSync(join(tmpdir(), "csv-")), "log.csv");

  it("writes what Python's csv module writes", async () => {
    const filename = file();
    await run(create("CSVLogger", { filename }), [
      { loss: 0.5, accuracy: 1, val_loss: 1e-5 },
      { loss: Number.NaN, accuracy: 0.25, val_loss: 2 },
    ]);
    expect(readFileSync(filename, "utf8")).toBe(
      "epoch,accuracy,loss,val_loss\r\n0,1.0,0.5,1e-05\r\n1,0.25,nan,2.0\r\n",
    );
  });

  it("appends without a second header, or overwrites", async () => {
    const filename = file();
    await run(create("CSVLogger", { filename, separator: ";" }), [{ loss: 1, mae: 2 }]);
    await run(create("CSVLogger", { filename, separator: ";", append: true }), [
      { loss: 3, mae: 4 },
    ]);
    expect(readFileSync(filename, "utf8")).toBe("epoch;loss;mae\r\n0;1.0;2.0\r\n0;3.0;4.0\r\n");
    await run(create("CSVLogger", { filename }), [{ loss: 5 }]);
    expect(readFileSync(filename, "utf8")).toBe("epoch,loss\r\n0,5.0\r\n");
  });

  it("drops the rows that a killed run wrote after its checkpoint", async () => {
    const filename = file();
    const killed = create("CSVLogger", { filename });
    const fit = new FakeFit();
    await killed.onTrainBegin?.(fit);
    await killed.onEpochEnd?.(0, { loss: 1 }, fit);
    const state = structuredClone(killed.state!());
    await killed.onEpochEnd?.(1, { loss: 2 }, fit);
    const resumed = create("CSVLogger", { filename });
    await resumed.onTrainBegin?.(fit);
    resumed.restore?.(state);
    await resumed.onEpochEnd?.(1, { loss: 2 }, fit);
    expect(readFileSync(filename, "utf8")).toBe("epoch,loss\r\n0,1.0\r\n1,2.0\r\n");
  });

  it.each([
    [false, ""],
    [true, "what was there\r\n"],
  ])(
    "keeps its rows when it is killed before the first of a resumed run (append: %s)",
    async (append, before) => {
      const filename = file();
      writeFileSync(filename, before);
      const fit = new FakeFit();
      const start = async (from?: CallbackState) => {
        const logger = create("CSVLogger", { filename, append });
        await logger.onTrainBegin?.(fit);
        if (from !== undefined) logger.restore?.(structuredClone(from));
        return logger;
      };
      const first = await start();
      const atStart = first.state!();
      await first.onEpochEnd?.(0, { loss: 1 }, fit);
      const again = await start((await start(atStart)).state!());
      await again.onEpochEnd?.(0, { loss: 1 }, fit);
      const last = await start((await start(again.state!())).state!());
      await last.onEpochEnd?.(1, { loss: 2 }, fit);
      const header = append ? "" : "epoch,loss\r\n";
      expect(readFileSync(filename, "utf8")).toBe(`${before}${header}0,1.0\r\n1,2.0\r\n`);
    },
  );
});

describe("TerminateOnNaN", () => {
  it("stops and fails, or throws", () => {
    const fit = new FakeFit();
    const at = { epoch: 1, batch: 2, loss: Number.NaN };
    create("TerminateOnNaN", {}).onNonFinite?.(at, fit);
    expect([fit.stopped, fit.failure]).toEqual([
      true,
      "the loss is NaN in batch 3 of epoch 2: training stopped",
    ]);
    expect(() => create("TerminateOnNaN", { raise_error: true }).onNonFinite?.(at, fit)).toThrow(
      /batch 3 of epoch 2/,
    );
  });
});

describe("arguments", () => {
  it("are checked by name and type", () => {
    expect(() => create("EarlyStopping", { patient: 1 })).toThrow(
      "EarlyStopping has no argument patient",
    );
    expect(() => create("EarlyStopping", { patience: "1" })).toThrow(
      'EarlyStopping: patience must be a number, not "1"',
    );
    expect(() => create("EarlyStopping", { mode: "up" })).toThrow(/one of "auto", "min", "max"/);
    expect(() => create("ModelCheckpoint", {})).toThrow("ModelCheckpoint needs filepath, a string");
    expect(() => create("Nothing", {})).toThrow("there is no callback Nothing");
  });

  it("mode auto knows the direction of Keras' metrics only", () => {
    expect(improvementDirection("c", "val_digit_accuracy", "auto")).toBe("max");
    expect(improvementDirection("c", "mean_absolute_error", "auto")).toBe("min");
    expect(() => improvementDirection("c", "val_wonder", "auto")).toThrow(/fall or rise/);
    expect(improvementDirection("c", "val_wonder", "max")).toBe("max");
  });
});

describe("path templates", () => {
  it.each([
    ["{epoch}", "7"],
    ["{epoch:03d}", "007"],
    ["{loss:.3f}", "0.125"],
    ["{loss:8.2f}", "    0.13"],
    ["{loss:.1e}", "1.3e-01"],
    ["{loss:.2g}", "0.13"],
    ["plain", "plain"],
  ])("%s is %s", (template, text) => {
    expect(fillPathTemplate(template, { epoch: 7, loss: 0.125 })).toBe(text);
  });

  it("refuses what is no number format", () => {
    expect(() => fillPathTemplate("{epoch:x}", { epoch: 1 })).toThrow(/unknown format "x"/);
  });
});
