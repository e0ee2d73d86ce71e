/** The model on its device: opened, tested, and opened again when it is needed. */

import type { FileStorage } from "../../storage/file-storage.ts";
import { formatDeviation } from "../../training/self-test.ts";
import type { Busy, WorkerEvent } from "../protocol.ts";
import { noAdapter } from "../support.ts";
import { describeProblem, PageError } from "./problems.ts";
import type { AnyModel, TrainerModule } from "./trainer-module.ts";

export class DeviceHolder {
  readonly #module: TrainerModule;
  readonly #storage: FileStorage | undefined;
  readonly #post: (event: WorkerEvent) => void;
  #model: AnyModel | undefined;
  /** The user wants a device that failed its test. */
  #forced = false;

  constructor(
    module: TrainerModule,
    storage: FileStorage | undefined,
    post: (event: WorkerEvent) => void,
  ) {
    this.#module = module;
    this.#storage = storage;
    this.#post = post;
  }

  get model(): AnyModel | undefined {
    return this.#model;
  }

  get forced(): boolean {
    return this.#forced;
  }

  /** @throws PageError if the device was not opened. */
  require(): AnyModel {
    if (this.#model !== undefined) return this.#model;
    throw new PageError({
      title: "There is no device to compute with",
      detail: "It could not be opened, or it failed its self-test.",
      advice: "See the message at the top of the page.",
    });
  }

  /** Gives false if the device is not to be used; the page has then been told why. */
  async open(force: boolean): Promise<boolean> {
    const { plan } = this.#module.definition;
    this.#forced ||= force;
    this.#drop();
    try {
      if ((await navigator.gpu.requestAdapter()) === null) {
        throw new PageError(noAdapter(navigator.userAgent));
      }
      const model = await this.#create(plan.training?.seed);
      if (!(await this.#test(model))) {
        model.dispose();
        return false;
      }
      this.#model = model;
      const software = / \(software\)$/.test(model.device);
      const device = model.device.replace(/^webgpu, /, "WebGPU · ").replace(/ \(software\)$/, "");
      this.#post({ kind: "opened", device, software });
      return true;
    } catch (error) {
      const problem = describeProblem(error, "The graphics processor cannot be used");
      this.#post({ kind: "notice", notice: { level: "error", problem, action: "reopen" } });
      return false;
    } finally {
      this.#busy(null);
    }
  }

  /** The model anew, with the initial weights of a seed. */
  async recreate(seed: number): Promise<AnyModel> {
    this.#drop();
    this.#model = await this.#create(seed);
    this.#busy(null);
    return this.#model;
  }

  #create(seed: number | undefined): Promise<AnyModel> {
    this.#busy("opening");
    this.#post({ kind: "compiling", compiling: null });
    return this.#module.create({
      ...(seed === undefined ? {} : { seed }),
      ...(this.#storage === undefined ? {} : { storage: this.#storage }),
      onProgress: (done, all) =>
        this.#post({ kind: "compiling", compiling: done < all ? { done, all } : null }),
    });
  }

  async #test(model: AnyModel): Promise<boolean> {
    if (this.#module.definition.plan.selfTest === null) return true;
    this.#busy("testing");
    const { compared, deviations } = await model.selfTest();
    if (deviations.length === 0) {
      this.#post({ kind: "self-test", result: { passed: true, compared } });
      return true;
    }
    const lines = deviations.map(formatDeviation);
    const forced = this.#forced;
    this.#post({ kind: "self-test", result: { passed: false, deviations: lines, forced } });
    if (forced) return true;
    const problem = {
      title: "This graphics processor computes wrongly",
      detail: `${model.device} does not give what the compiler computed: ${lines.slice(0, 3).join("; ")}.`,
      advice:
        "Update the graphics driver, or use another browser or device. You can train all the same, but the result may be worthless.",
    };
    this.#post({ kind: "notice", notice: { level: "error", problem, action: "force" } });
    return false;
  }

  #drop(): void {
    this.#model?.dispose();
    this.#model = undefined;
  }

  #busy(busy: Busy | null): void {
    this.#post({ kind: "busy", busy });
  }
}
