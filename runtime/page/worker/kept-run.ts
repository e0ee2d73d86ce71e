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

/** What is kept beside the checkpoint. */
interface Note {
  readonly savedAt: number;
  readonly epochs: number;
}

export class RunKeeper {
  /** The name of the checkpoint in `storage`. */
  readonly path: string;
  /** For the trainer: says whenever the checkpoint was written. */
  readonly storage: FileStorage | undefined;
  /** Of the run under way: a checkpoint does not know how far it is to go. */
  epochs = 0;
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
    const note = await this.#origin?.read(this.#notePath);
    return describe(bytes, readNote(note));
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

  get #notePath(): string {
    return `${this.path}.json`;
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    if (path !== this.path) return this.#origin?.write(path, bytes);
    if (this.#protected) return;
    await this.#origin?.write(path, bytes);
    const note: Note = { savedAt: Date.now(), epochs: this.epochs };
    await this.#origin?.write(this.#notePath, new TextEncoder().encode(JSON.stringify(note)));
    this.#onKept(describe(bytes, note));
  }
}

function describe(bytes: Uint8Array, note: Note): KeptRun | null {
  const state = readState(bytes);
  if (state === undefined) return null;
  const { epoch, position, batchSize, trainingRows } = state;
  const batches = Math.ceil(trainingRows / batchSize);
  return { ...note, bytes: bytes.length, epoch, position, batches };
}

function readNote(bytes: Uint8Array | undefined): Note {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Note;
  } catch {
    return { savedAt: Date.now(), epochs: 0 };
  }
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
