/** The loop on a device that is arrays: Keras' semantics, and resuming bit for bit. */

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunRequest } from "../../../runtime/devices/device.ts";
import type { TrainingPlan } from "../../../runtime/plan.ts";
import { nodeStorage } from "../../../runtime/storage/node-storage.ts";
import type { Reporter } from "../../../runtime/training/report/reporter.ts";
import { silentReporter } from "../../../runtime/training/report/reporter.ts";
import type { TrainOptions } from "../../../runtime/training/train-options.ts";
import { Trainer } from "../../../runtime/training/trainer.ts";
import { FakeDevice, lineColumns, lineDefinition } from "./fake-model.ts";

const ROWS = 37;

async function create(training: Partial<TrainingPlan> = {}, seed?: number) {
  const definition = lineDefinition(training);
  const device = new FakeDevice(definition);
  return { device, trainer: await Trainer.create(definition, device, seed, nodeStorage) };
}

const temporaryFile = () => join(mkdtempSync(join(tmpdir(), "trainer-")), "run.safetensors");

const tensorsOf = (device: FakeDevice) =>
  Object.fromEntries([...device.tensors].map(([name, data]) => [name, data[0]]));

function recordingReporter() {
  const warnings: string[] = [];
  const reporter: Reporter = { ...silentReporter, warn: (text) => warnings.push(text) };
  return { reporter, warnings };
}

describe("fit", () => {
  it("visits every row once an epoch, the last partial batch included", async () => {
    const { device, trainer } = await create();
    const { updates, samples, state } = await trainer.fit(lineColumns(ROWS));
    expect([updates, samples, state.batch]).toEqual([15, 3 * ROWS, 15]);
    const rows = device.runs
      .filter(({ graph }) => graph === "train")
      .flatMap((run) => [...run.rows]);
    expect(rows.length).toBe(3 * ROWS);
    const epochs = [0, 1, 2].map((epoch) => rows.slice(epoch * ROWS, (epoch + 1) * ROWS));
    for (const epoch of epochs) expect(new Set(epoch).size).toBe(ROWS);
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it("learns, and reports the mean loss over the rows of an epoch", async () => {
    const { trainer } = await create({ epochs: 40 });
    const { state } = await trainer.fit(lineColumns(ROWS));
    const losses = state.history.history.loss!;
    expect(losses.length).toBe(40);
    expect(losses.at(-1)).toBeLessThan(0.01);
    const { loss } = await trainer.evaluate(lineColumns(ROWS));
    expect(loss).toBeLessThan(0.01);
  });

  it("keeps the rows in order without shuffling", async () => {
    const { device, trainer } = await create({ shuffle: false, epochs: 1 });
    await trainer.fit(lineColumns(ROWS));
    const rows = device.runs
      .filter(({ graph }) => graph === "train")
      .flatMap((run) => [...run.rows]);
    expect(rows).toEqual(Array.from({ length: ROWS }, (_, row) => row));
  });

  it("validates on the last rows, which are not trained on, in order", async () => {
    const { device, trainer } = await create({ validation: { fraction: 0.25 }, epochs: 1 });
    const { state } = await trainer.fit(lineColumns(ROWS));
    const rowsOf = (name: string) =>
      device.runs.filter(({ graph }) => graph === name).flatMap(({ rows }) => [...rows]);
    // Keras: floor(37 · 0.75) = 27 rows to train on.
    expect(rowsOf("evaluate")).toEqual(Array.from({ length: 10 }, (_, i) => 27 + i));
    expect([...rowsOf("train")].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 27 }, (_, i) => i),
    );
    expect(Object.keys(state.history.history)).toEqual(["loss", "val_loss"]);
    const { loss } = await trainer.evaluate(lineColumns(ROWS));
    expect(loss).not.toBe(state.history.history.val_loss![0]);
  });

  it("validates on columns of their own", async () => {
    const { trainer } = await create({ epochs: 1 });
    const validation = lineColumns(5);
    const { state } = await trainer.fit(lineColumns(ROWS), { validation });
    expect(state.history.history.val_loss).toEqual([(await trainer.evaluate(validation)).loss]);
  });

  it("passes step scalars and counters of every step", async () => {
    const { device, trainer } = await create({ epochs: 2 });
    await trainer.fit(lineColumns(ROWS));
    const runs = device.runs.filter(({ graph }) => graph === "train");
    const warmth = runs.flatMap(({ scalars }) => [...scalars].filter((_, i) => i % 2 === 1));
    expect(warmth).toEqual(Array.from({ length: 10 }, (_, i) => Math.fround(1 - 0.5 ** (i + 1))));
    let batch = 0;
    for (const run of runs) {
      expect(run.firstBatch).toBe(batch);
      batch += Math.ceil(run.rows.length / run.batchSize);
    }
  });

  it("fills statistics from the training rows before the first epoch", async () => {
    const { device, trainer } = await create({ validation: { fraction: 0.25 }, epochs: 1 });
    const columns = lineColumns(ROWS);
    await trainer.fit(columns);
    const x = columns[0]!.data.slice(0, 27);
    const mean = Array.from(x).reduce((sum, value) => sum + value, 0) / 27;
    expect(device.tensors.get("Line/mean")![0]).toBeCloseTo(mean, 6);
  });

  it("weighs samples by class in training only", async () => {
    const classes = {
      name: "kind",
      dtype: "u8",
      shape: [],
      rows: 4,
      data: Uint8Array.of(0, 1, 2, 1),
    } as const;
    const training = {
      classWeight: { column: "kind", weights: { "0": 3, "1": 0.5 } },
      epochs: 1,
      shuffle: false,
    };
    const { device, trainer } = await create(training);
    const bound: number[][] = [];
    const bind = device.bindColumn.bind(device);
    device.bindColumn = async (slot, column) => {
      if (slot === 2) bound.push([...column.data]);
      await bind(slot, column);
    };
    await trainer.fit([...lineColumns(4), classes]);
    await trainer.evaluate([...lineColumns(4), classes]);
    expect(bound).toEqual([
      [3, 0.5, 1, 0.5],
      [1, 1, 1, 1],
    ]);
  });

  it("validates without the weights of classes on the rows held back", async () => {
    const kind = {
      name: "kind",
      dtype: "u8",
      shape: [],
      rows: 8,
      data: new Uint8Array(8),
    } as const;
    const classWeight = { column: "kind", weights: { "0": 100 } };
    const fraction = { validation: { fraction: 0.5 }, epochs: 1 };
    const weighted = await create({ ...fraction, classWeight });
    weighted.trainer.setHyper("learning_rate", 0);
    const { state } = await weighted.trainer.fit([...lineColumns(8), kind]);
    const [loss, validation] = ["loss", "val_loss"].map((name) => state.history.history[name]![0]!);
    const plain = await create(fraction);
    plain.trainer.setHyper("learning_rate", 0);
    const expected = (await plain.trainer.fit(lineColumns(8))).state.history.history;
    expect(loss).toBeCloseTo(100 * expected.loss![0]!, 3);
    expect(validation).toBe(expected.val_loss![0]);
  });

  it("goes on counting and shuffling in a second call", async () => {
    const { device, trainer } = await create({ epochs: 1 });
    await trainer.fit(lineColumns(ROWS));
    const first = device.runs
      .filter(({ graph }) => graph === "train")
      .flatMap(({ rows }) => [...rows]);
    device.runs.length = 0;
    const { state } = await trainer.fit(lineColumns(ROWS));
    expect(state.t).toBe(10);
    expect(state.history.epoch).toEqual([0]);
    expect(device.runs.flatMap(({ rows }) => [...rows])).not.toEqual(first);
  });

  it("says what is wrong with the data and the options", async () => {
    const { trainer } = await create();
    await expect(trainer.fit(lineColumns(ROWS), { batchSize: 9 })).rejects.toThrow(
      /batch of 9 rows/,
    );
    await expect(trainer.fit(lineColumns(ROWS).slice(1))).rejects.toThrow("no column x");
    await expect(trainer.fit([])).rejects.toThrow("no columns");
    await expect(trainer.fit(lineColumns(ROWS), { validation: 1 })).rejects.toThrow(/leaves none/);
    const [x] = lineColumns(3);
    await expect(trainer.fit([x!, lineColumns(4)[1]!])).rejects.toThrow(
      "x has 3 rows, but y has 4",
    );
    expect(() => trainer.setHyper("momentum", 1)).toThrow(/no momentum that can change/);
  });
});

describe("callbacks", () => {
  it("EarlyStopping ends a run and restores the best weights", async () => {
    const { device, trainer } = await create({
      epochs: 50,
      callbacks: [
        {
          name: "EarlyStopping",
          arguments: { monitor: "loss", patience: 2, restore_best_weights: true, min_delta: 0.01 },
        },
      ],
    });
    const weights: (number | undefined)[] = [];
    const reporter: Reporter = {
      ...silentReporter,
      epochEnd: () => weights.push(device.tensors.get("Line/w")![0]),
    };
    const { state } = await trainer.fit(lineColumns(ROWS), { reporter });
    expect(state.stopped).toBe(true);
    expect(state.epoch).toBeLessThan(50);
    expect(device.tensors.get("Line/w")![0]).toBe(weights[state.epoch - 3]);
  });

  it("ReduceLROnPlateau changes the step scalars of the next epoch", async () => {
    const { device, trainer } = await create({
      callbacks: [
        {
          name: "ReduceLROnPlateau",
          arguments: { monitor: "loss", patience: 1, min_delta: 10, factor: 0.5 },
        },
      ],
    });
    const { state } = await trainer.fit(lineColumns(8));
    expect(state.history.history.learning_rate).toEqual([0.05, 0.05, 0.025]);
    const rates = device.runs
      .filter(({ graph }) => graph === "train")
      .map(({ scalars }) => scalars[0]);
    expect(rates).toEqual([0.05, 0.05, 0.025].map(Math.fround));
  });

  it("TerminateOnNaN stops after exactly the batch that went bad, however long chunks are", async () => {
    const columns = lineColumns(80);
    const poisoned = columns[1]!.data.slice();
    poisoned[37] = Number.NaN;
    const data = [columns[0]!, { ...columns[1]!, data: poisoned }];
    const training = { shuffle: false, epochs: 2, validation: null };
    const { device, trainer } = await create({
      ...training,
      callbacks: [{ name: "TerminateOnNaN", arguments: {} }],
    });
    const outcome = await trainer.fit(data);
    expect([outcome.end, outcome.failure, outcome.updates]).toEqual([
      "failed",
      "the loss is NaN in batch 5 of epoch 1: training stopped",
      5,
    ]);
    expect(device.tensors.get("Line/w")![0]).toBeNaN();
  });

  it("warns once of a loss that is not finite and goes on without that callback", async () => {
    const columns = lineColumns(8);
    const data = [columns[0]!, { ...columns[1]!, data: columns[1]!.data.map(() => Infinity) }];
    const { trainer } = await create();
    const { reporter, warnings } = recordingReporter();
    const { end } = await trainer.fit(data, { reporter });
    expect(end).toBe("completed");
    expect(warnings).toEqual([
      "the loss became Infinity in batch 1 of epoch 1; training goes on (the callback TerminateOnNaN would stop it)",
    ]);
  });
});

describe("resuming", () => {
  const callbacks = [
    { name: "ReduceLROnPlateau", arguments: { monitor: "val_loss", patience: 1, min_delta: 0.05 } },
    {
      name: "EarlyStopping",
      arguments: { patience: 3, min_delta: 0.01, restore_best_weights: true },
    },
    { name: "TerminateOnNaN", arguments: {} },
  ];
  const training = { epochs: 6, validation: { fraction: 0.2 }, callbacks, batchSize: 5 };

  /** Runs until the device has been asked `runs` times, as if the process had been killed there. */
  async function killedAfter(runs: number, options: TrainOptions) {
    const { device, trainer } = await create(training);
    device.beforeRun = () => {
      if (device.runs.length === runs) throw new Error("killed");
    };
    await trainer.fit(lineColumns(ROWS), options).catch((error: Error) => {
      expect(error.message).toBe("killed");
    });
  }

  it("gives bit for bit the unbroken run, wherever it was killed", async () => {
    const whole = await create(training);
    const unbroken = await whole.trainer.fit(lineColumns(ROWS));
    const total = whole.device.runs.length;
    let resumedRuns = 0;
    for (let runs = 1; runs < total + 30; runs++) {
      const path = temporaryFile();
      await killedAfter(runs, { checkpoint: path, checkpointSeconds: 0 });
      const { device, trainer } = await create(training);
      try {
        await trainer.resume(path);
        resumedRuns++;
      } catch {
        // Killed before the first checkpoint: it starts again.
      }
      const { state } = await trainer.fit(lineColumns(ROWS));
      expect(tensorsOf(device)).toEqual(tensorsOf(whole.device));
      expect(state).toEqual(unbroken.state);
    }
    expect(resumedRuns).toBeGreaterThan(total / 2);
  });

  it("gives bit for bit the unbroken run after any interruptions", async () => {
    const whole = await create(training);
    const unbroken = await whole.trainer.fit(lineColumns(ROWS));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }), async (cuts) => {
        const path = temporaryFile();
        const { device, trainer } = await create(training);
        // Ends with an interruption that never comes.
        let state = trainer.state;
        for (const cut of [...cuts, Infinity]) {
          const interrupt = new AbortController();
          const target = device.runs.length + cut;
          device.beforeRun = () => {
            if (device.runs.length >= target) interrupt.abort();
          };
          const { signal } = interrupt;
          const outcome = await trainer.fit(lineColumns(ROWS), { checkpoint: path, signal });
          state = outcome.state;
          if (outcome.end !== "interrupted") break;
          await trainer.resume(path);
        }
        expect(state.history).toEqual(unbroken.state.history);
        expect(tensorsOf(device)).toEqual(tensorsOf(whole.device));
      }),
      { numRuns: 30 },
    );
  });

  it("refuses other data or another batch size within an epoch", async () => {
    const path = temporaryFile();
    const { device, trainer } = await create(training);
    const interrupt = new AbortController();
    device.beforeRun = ({ graph }: RunRequest) => graph === "train" && interrupt.abort();
    const outcome = await trainer.fit(lineColumns(ROWS), {
      checkpoint: path,
      signal: interrupt.signal,
    });
    expect(outcome.state.position).toBeGreaterThan(0);
    await trainer.resume(path);
    await expect(trainer.fit(lineColumns(ROWS + 5))).rejects.toThrow(/within an epoch of 29 rows/);
    await trainer.resume(path);
    await expect(trainer.fit(lineColumns(ROWS), { batchSize: 4 })).rejects.toThrow(/batches of 4/);
  });

  it("says that another model's checkpoint does not fit, or that weights are no checkpoint", async () => {
    const path = temporaryFile();
    const { trainer } = await create();
    await trainer.save(path);
    await expect(trainer.resume(path)).rejects.toThrow(/expected a checkpoint, found weights/);
    const definition = lineDefinition();
    const tensors = definition.plan.tensors.map((t) =>
      t.name === "Line/w" ? { ...t, shape: [2] } : t,
    );
    const other = { ...definition, plan: { ...definition.plan, tensors } };
    const wider = await Trainer.create(other, new FakeDevice(other), undefined, nodeStorage);
    await expect(wider.load(path)).rejects.toThrow(
      "expected a tensor Line/w: F32[2], found F32[1] (the file belongs to another model",
    );
    await expect(trainer.resume(`${path}.missing`)).rejects.toThrow(/check the path/);
  });
});

describe("saved weights", () => {
  it("make another trainer predict the same, from a weights file or a checkpoint", async () => {
    const weights = temporaryFile();
    const checkpoint = temporaryFile();
    const first = await create();
    await first.trainer.fit(lineColumns(ROWS), { checkpoint });
    await first.trainer.save(weights);
    const [x] = lineColumns(ROWS);
    const expected = await first.trainer.predict([x!]);
    expect(expected[0]!.shape).toEqual([ROWS]);
    for (const path of [weights, checkpoint]) {
      const second = await create({}, 7);
      await second.trainer.load(path);
      expect(await second.trainer.predict([x!], 3)).toEqual(expected);
    }
  });

  // NNC_FUZZ_RUNS=10000 for as many damaged files.
  const damagedFiles = Number(process.env.NNC_FUZZ_RUNS ?? 300);

  it("are refused, never believed, when the file is damaged", async () => {
    const path = temporaryFile();
    const { device, trainer } = await create();
    await trainer.fit(lineColumns(ROWS), { checkpoint: path });
    const bytes = readFileSync(path);
    const before = tensorsOf(device);
    const damaged = temporaryFile();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.option(fc.nat(bytes.length - 1)),
        async (flips, length) => {
          const copy = Buffer.from(bytes.subarray(0, length ?? bytes.length));
          for (const [at, mask] of flips) if (at < copy.length) copy[at]! ^= mask;
          if (copy.equals(bytes)) return;
          writeFileSync(damaged, copy);
          const error: Error = await trainer.resume(damaged).then(
            () => expect.fail("a damaged checkpoint was taken"),
            (reason: Error) => reason,
          );
          expect(error.name).toBe("DataError");
          expect(tensorsOf(device)).toEqual(before);
        },
      ),
      { numRuns: damagedFiles },
    );
  });
});

describe("single batches", () => {
  it("train and test with the metrics of that batch alone", async () => {
    const { trainer } = await create();
    const batch = lineColumns(4);
    const tested = await trainer.testOnBatch(batch);
    const trained = await trainer.trainOnBatch(batch);
    expect(trained).toEqual(tested);
    expect((await trainer.testOnBatch(batch)).loss).toBeLessThan(tested.loss!);
    expect(trainer.state.t).toBe(1);
    await expect(trainer.trainOnBatch(lineColumns(9))).rejects.toThrow(/batch of 9 rows/);
  });

  it("take their statistics from the first of them", async () => {
    const { device, trainer } = await create();
    const means: number[] = [];
    for (const rows of [2, 4]) {
      await trainer.trainOnBatch(lineColumns(rows));
      means.push(device.tensors.get("Line/mean")![0]!);
    }
    const [a, b] = lineColumns(2)[0]!.data;
    expect(means).toEqual([Math.fround((a! + b!) / 2), means[0]]);
  });
});
