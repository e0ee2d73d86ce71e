/**
 * The run that this browser keeps between visits, in the origin's private file system: one for each model and address
 * of the page, as several pages may share an origin.
 */

import type { FileStorage } from "../../storage/file-storage.ts";
import { hasOriginStorage, originStorage } from "../../storage/origin-storage.ts";
import type { KeptRun } from "../protocol.ts";

/** What is needed of a checkpoint's state: it is read from the head of the file alone. */
interface CheckpointState {
  readonly epoch: number;
  readonly position: number;
  readonly batchSize: number;
  readonly trainingRows: number;
}

export class RunKeeper {
  /** The name of the checkpoint in `storage`. */
  readonly path: string;
  /** For the trainer: says whenever the checkpoint was written. */
  readonly storage: FileStorage | undefined;
  /** While it is set, what there is stays: a run whose numbers are lost must not replace a good one. */
  #protected = false;
  readonly #origin: FileStorage | undefined;
  readonly #onKept: (kept: KeptRun | null) => void;

  constructor(identity: string, onKept: (kept: KeptRun | null) => void) {
    this.path = `pages/${identity}.checkpoint.safetensors`;
    this.#onKept = onKept;
    this.#origin = hasOriginStorage() ? originStorage() : undefined;
    this.storage = this.#origin && {
      ...this.#origin,
      write: (path, bytes) => this.#write(path, bytes),
    };
  }

  protect(on: boolean): void {
    this.#protected = on;
  }

  /** The checkpoint, if there is one. */
  async bytes(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#origin?.read(this.path);
    return bytes === undefined || bytes.length === 0 ? undefined : bytes;
  }

  async find(): Promise<KeptRun | null> {
    const bytes = await this.bytes();
    if (bytes === undefined) return null;
    const saved = await this.#origin?.read(this.#timePath);
    return describe(
      bytes,
      saved === undefined ? Date.now() : Number(new TextDecoder().decode(saved)),
    );
  }

  /** An empty file stands for none. */
  async discard(): Promise<void> {
    await this.#origin?.write(this.path, new Uint8Array(0));
    this.#onKept(null);
  }

  /** Keeps a checkpoint that came from elsewhere. */
  async keep(bytes: Uint8Array): Promise<void> {
    if (this.#origin !== undefined) await this.#write(this.path, bytes);
  }

  get #timePath(): string {
    return `${this.path}.time`;
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    if (path !== this.path) return this.#origin?.write(path, bytes);
    if (this.#protected) return;
    await this.#origin?.write(path, bytes);
    const savedAt = Date.now();
    await this.#origin?.write(this.#timePath, new TextEncoder().encode(String(savedAt)));
    this.#onKept(describe(bytes, savedAt));
  }
}

function describe(bytes: Uint8Array, savedAt: number): KeptRun | null {
  const state = readState(bytes);
  if (state === undefined) return null;
  const { epoch, position, batchSize, trainingRows } = state;
  const batches = Math.ceil(trainingRows / batchSize);
  return { savedAt, bytes: bytes.length, epoch, position, batches };
}

/** Undefined for a file that is no checkpoint; whether it is whole is checked when it is restored. */
function readState(bytes: Uint8Array): CheckpointState | undefined {
  try {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    return JSON.parse(head.__metadata__.state) as CheckpointState;
  } catch {
    return undefined;
  }
}
