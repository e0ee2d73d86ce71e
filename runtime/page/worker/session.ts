/**
 * A model in the worker: what the page asks for, in the order of asking. Training, evaluation and files of checkpoints
 * take turns; a pause, a prediction or a sample does not wait for them.
 */

import type { Column } from "../../data/column.ts";
import { imageInput, inferPalette } from "../image/image-input.ts";
import type {
  Busy,
  Logs,
  OutputValues,
  Request,
  RunSummary,
  Settings,
  WorkerEvent,
} from "../protocol.ts";
import { asModelData, type BlockName, DataStore } from "./data-store.ts";
import { DeviceHolder } from "./device-holder.ts";
import { RunKeeper } from "./kept-run.ts";
import type { PageManifest } from "./page-manifest.ts";
import { describeProblem, isLostDevice, PageError } from "./problems.ts";
import { RunReporter } from "./run-reporter.ts";
import type { AnyModel, TrainerModule } from "./trainer-module.ts";

type Post = (event: WorkerEvent, transfer?: readonly Transferable[]) => void;
type Inputs = Extract<Request, { readonly kind: "predict" }>["inputs"];

/** Saved within epochs too, so that a closed tab loses little. */
const CHECKPOINT_SECONDS = 10;
/** A device that is lost again and again is broken. */
const MAXIMAL_LOSSES = 3;

export class Session {
  readonly #module: TrainerModule;
  readonly #manifest: PageManifest;
  readonly #post: Post;
  readonly #data: DataStore;
  readonly #keeper: RunKeeper;
  readonly #device: DeviceHolder;
  #turn: Promise<void> = Promise.resolve();
  /** Whether weights were taken from a file. */
  #hasWeights = false;
  /** Pauses the training under way, or the one about to start. */
  #pause: AbortController | undefined;
  #paletteOf: Column | undefined;

  constructor(module: TrainerModule, manifest: PageManifest, identity: string, post: Post) {
    const { plan } = module.definition;
    this.#module = module;
    this.#manifest = manifest;
    this.#post = post;
    this.#data = new DataStore(plan, manifest.files, (file) => post({ kind: "file", file }));
    this.#keeper = new RunKeeper(identity, (kept) =>
      post({ kind: "kept", kept, fromEarlierVisit: false }),
    );
    this.#device = new DeviceHolder(module, this.#keeper.storage, post);
    post({ kind: "plan", plan, files: this.#data.files });
  }

  /** Opens the device, tests it, and says whether there is a run to go on with. */
  open(force: boolean): Promise<void> {
    return this.#inTurn("The device cannot be used", async () => {
      const isFirst = this.#device.model === undefined;
      if (!(await this.#device.open(force))) return;
      if (!isFirst) return;
      const kept = await this.#keeper.find();
      this.#post({ kind: "kept", kept, fromEarlierVisit: true });
    });
  }

  async useFile({ path, source }: Extract<Request, { readonly kind: "use-file" }>): Promise<void> {
    await this.#data.use(path, source);
  }

  train(settings: Settings): Promise<void> {
    this.#pause = new AbortController();
    const { signal } = this.#pause;
    return this.#inTurn("The training stopped", async () => {
      const end = await this.#train(settings, signal).catch((error: unknown) => {
        this.#post({ kind: "run-end", end: "failed" });
        throw error;
      });
      this.#post({ kind: "run-end", end });
      if (end !== "completed" || !this.#data.isAvailable("test")) return;
      await this.#evaluate().catch((error: unknown) => {
        this.#complain(error, "The evaluation on the test data failed");
      });
    });
  }

  pause(): void {
    this.#pause?.abort();
  }

  reset(seed: number): Promise<void> {
    return this.#inTurn("The model could not be reset", async () => {
      this.#keeper.protect(false);
      await this.#keeper.discard();
      await this.#device.recreate(seed);
      this.#postRun();
    });
  }

  evaluate(): Promise<void> {
    return this.#inTurn("The evaluation failed", () => this.#evaluate());
  }

  resumeKept(): Promise<void> {
    return this.#inTurn("The kept training cannot be restored", async () => {
      const [bytes, kept] = [await this.#keeper.bytes(), await this.#keeper.find()];
      if (bytes === undefined) return;
      this.#keeper.epochs = kept?.epochs ?? 0;
      await this.#restore(bytes);
    });
  }

  discardKept(): Promise<void> {
    return this.#inTurn("The kept training could not be deleted", () => this.#keeper.discard());
  }

  async predict(inputs: Inputs): Promise<void> {
    try {
      const outputs = await this.#device.require().predict(inputs, { batchSize: 1 });
      const { plan } = this.#module.definition;
      const values = plan.outputs.flatMap(({ name, dtype, shape }): OutputValues[] => {
        const output = outputs[name];
        return output === undefined ? [] : [{ name, dtype, shape, data: output.data }];
      });
      this.#post({ kind: "prediction", outputs: values });
    } catch (error) {
      this.#post({ kind: "prediction", outputs: [] });
      this.#complain(error, "The prediction failed");
    }
  }

  /** A random row of the test data, or else of what there is. */
  async sample(): Promise<void> {
    try {
      const blocks: readonly BlockName[] = ["test", "validation", "train"];
      const block = blocks.find((name) => this.#data.isAvailable(name)) ?? "train";
      const columns = await this.#block(block);
      const row = Math.floor(Math.random() * (columns[0]?.rows ?? 0));
      const values = columns.map(({ name, data, rows }) => {
        const width = data.length / rows;
        return [name, data.slice(row * width, (row + 1) * width)] as const;
      });
      this.#post({ kind: "sample", sample: { block, row, values: Object.fromEntries(values) } });
    } catch (error) {
      this.#complain(error, "There is no sample to show");
    }
  }

  export(content: "checkpoint" | "weights"): Promise<void> {
    const give = async () => {
      const model = this.#device.require();
      const bytes = content === "weights" ? await model.weights() : await model.checkpoint();
      const name = `${this.#manifest.name}.${content}.safetensors`;
      this.#post({ kind: "exported", name, bytes }, [bytes.buffer]);
    };
    // Weights may be taken while training goes on.
    if (content === "weights") {
      return give().catch((error: unknown) => this.#complain(error, "The weights cannot be saved"));
    }
    return this.#inTurn("The checkpoint cannot be saved", give);
  }

  import(file: File): Promise<void> {
    return this.#inTurn(`${file.name} cannot be used`, async () => {
      const bytes = new Uint8Array(await file.arrayBuffer());
      this.#keeper.epochs = 0;
      if (isCheckpoint(bytes)) {
        await this.#restore(bytes);
        await this.#keeper.keep(bytes);
        return;
      }
      const { training } = this.#module.definition.plan;
      const { parts } = training?.weights ?? {};
      await this.#device.require().setWeights(bytes, parts === undefined ? {} : { parts });
      this.#hasWeights = true;
      const detail = `${file.name} holds weights alone: they are in use, and a training begins with them.`;
      this.#note("Weights taken", detail);
      this.#postRun();
    });
  }

  async #train(settings: Settings, signal: AbortSignal): Promise<"completed" | "paused"> {
    const { training } = this.#module.definition.plan;
    this.#busy("loading");
    const train = await this.#block("train");
    const validation =
      training?.validation === "block" ? await this.#block("validation") : undefined;
    this.#busy(null);
    let model = this.#device.require();
    if (model.state.t === 0 && training?.weights !== undefined && !this.#hasWeights) {
      const detail = `The train block begins with ${training.weights.path}: open that file here first to begin so.`;
      this.#note("Initial weights", detail);
    }
    if (model.state.t === 0 && model.state.seed !== settings.seed) {
      model = await this.#device.recreate(settings.seed);
    }
    this.#keeper.protect(false);
    this.#keeper.epochs = settings.epochs;
    await continueFinished(model, settings.epochs);
    const held = validation && asModelData(validation);
    return this.#fit(settings, asModelData(train), held, signal);
  }

  /** Goes on with a new device where one is lost. */
  async #fit(
    settings: Settings,
    train: ReturnType<typeof asModelData>,
    validation: ReturnType<typeof asModelData> | undefined,
    signal: AbortSignal,
  ): Promise<"completed" | "paused"> {
    for (let losses = 0; ; losses++) {
      // After a loss, too: restoring had the page show a run at rest.
      this.#post({
        kind: "run-begin",
        epochs: settings.epochs,
        rows: rowsOf(train),
        validates: this.#module.definition.plan.training?.validation != null,
      });
      const model = this.#device.require();
      const divergence = new AbortController();
      const reporter = this.#createReporter(model, settings, train, divergence);
      try {
        await model.fit(train, {
          epochs: settings.epochs,
          batchSize: settings.batchSize,
          hypers: settings.hypers,
          ...(validation === undefined ? {} : { validation }),
          ...(this.#keeper.storage === undefined
            ? {}
            : { checkpoint: this.#keeper.path, checkpointSeconds: CHECKPOINT_SECONDS }),
          reporter,
          signal: AbortSignal.any([signal, divergence.signal]),
          resume: true,
          force: this.#device.forced,
        });
        const { epoch, stopped } = model.state;
        this.#postRun();
        return epoch >= settings.epochs || stopped ? "completed" : "paused";
      } catch (error) {
        if (!isLostDevice(error) || losses >= MAXIMAL_LOSSES) throw error;
        await this.#recover(error);
      }
    }
  }

  async #recover(error: unknown): Promise<void> {
    const { detail } = describeProblem(error, "");
    const problem = {
      title: "Training goes on with a new device",
      detail: `${detail} It went on from what was last kept.`,
      advice: null,
    };
    this.#post({ kind: "notice", notice: { level: "warning", problem, action: null } });
    const { seed } = this.#device.require().state;
    const model = await this.#device.recreate(seed);
    const bytes = await this.#keeper.bytes();
    if (bytes !== undefined) await model.restore(bytes);
    this.#postRun();
  }

  #createReporter(
    model: AnyModel,
    { batchSize, epochs }: Settings,
    train: ReturnType<typeof asModelData>,
    divergence: AbortController,
  ): RunReporter {
    const { epoch, position } = model.state;
    const rows = rowsOf(train);
    return new RunReporter({ batchSize, rows, epochs, epoch, position }, this.#post, (logs) => {
      this.#keeper.protect(true);
      divergence.abort();
      this.#post({ kind: "notice", notice: divergenceNotice(logs) });
    });
  }

  async #evaluate(): Promise<void> {
    this.#busy("evaluating");
    const columns = await this.#block("test");
    const logs = await this.#device.require().evaluate(asModelData(columns));
    this.#post({ kind: "tested", logs, rows: columns[0]?.rows ?? 0 });
  }

  async #restore(bytes: Uint8Array): Promise<void> {
    this.#busy("restoring");
    await this.#device.require().restore(bytes);
    this.#keeper.protect(false);
    this.#postRun();
  }

  async #block(name: BlockName): Promise<readonly Column[]> {
    const columns = await this.#data.block(name);
    const image = imageInput(this.#module.definition.plan);
    const column = columns.find((candidate) => candidate.name === image?.name);
    if (image !== undefined && column !== undefined && column !== this.#paletteOf) {
      this.#paletteOf = column;
      this.#post({ kind: "palette", ...inferPalette(image, column.data, column.rows) });
    }
    return columns;
  }

  #postRun(): void {
    const { epochs } = this.#keeper;
    const run = summarise(this.#device.require());
    this.#post({ kind: "run", run: { ...run, epochs: epochs > 0 ? epochs : null } });
  }

  #busy(busy: Busy | null): void {
    this.#post({ kind: "busy", busy });
  }

  #note(title: string, detail: string): void {
    this.#post({
      kind: "notice",
      notice: { level: "note", problem: { title, detail, advice: null }, action: null },
    });
  }

  #complain(error: unknown, title: string): void {
    const problem = describeProblem(error, title);
    const action = isLostDevice(error) ? "reopen" : null;
    this.#post({ kind: "notice", notice: { level: "error", problem, action } });
  }

  /** One after the other; what fails is told, and the next one starts all the same. */
  #inTurn(title: string, action: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(action).catch((error: unknown) => this.#complain(error, title));
    return this.#turn.finally(() => this.#busy(null));
  }
}

/** A run that was completed goes on if it is given more epochs; one that a callback ended begins anew. */
async function continueFinished(model: AnyModel, epochs: number): Promise<void> {
  const { epoch, position, stopped, t } = model.state;
  if (t === 0 || stopped || position > 0 || epoch === 0 || epoch >= epochs) return;
  await model.restore(await model.checkpoint());
}

function rowsOf(data: ReturnType<typeof asModelData>): number {
  return Object.values(data)[0]?.shape[0] ?? 0;
}

function summarise({ state }: AnyModel): Omit<RunSummary, "epochs"> {
  const { seed, batchSize, epoch, position, trainingRows, t, hypers, history } = state;
  return {
    seed,
    batchSize,
    epoch,
    position,
    batches: Math.ceil(trainingRows / batchSize),
    updates: t,
    hypers,
    history: history.history,
  };
}

function divergenceNotice(logs: Logs): Extract<WorkerEvent, { readonly kind: "notice" }>["notice"] {
  return {
    level: "error",
    action: null,
    problem: {
      title: "The loss is no number any more",
      detail: `It became ${logs.loss}: the weights have grown out of range, and training was paused.`,
      advice:
        "Start over with a lower learning rate, a tenth say; or go back to what was last kept, under “Checkpoint”. Numbers of very different sizes in the data can cause this, too.",
    },
  };
}

/** Whether a file holds a run, not only weights; whether it is whole is checked when it is restored. */
function isCheckpoint(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length) throw new PageError(notSafetensors);
  return new TextDecoder().decode(bytes.subarray(8, 8 + length)).includes('"kind":"checkpoint"');
}

const notSafetensors = {
  title: "The file is no safetensors file",
  detail: "It does not begin as weights and checkpoints do.",
  advice: "Choose a file that this page, a built trainer or `nnc train` has written.",
};
