/**
 * Weights and checkpoints as safetensors files. Tensors lie under their paths, row-major. A checkpoint adds the
 * optimizer's slots, the metric totals, weights that callbacks keep, and the run's state in the metadata; a
 * checksum over all of it makes a damaged file known for one.
 */

import type { TensorData } from "../data/column.ts";
import { DataError, messageOf } from "../data/data-error.ts";
import {
  readSafetensors,
  type Safetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../data/safetensors.ts";
import { sha256 } from "../data/sha256.ts";
import type { ElementType, PersistentTensor, TrainerPlan } from "../plan.ts";
import { TrainingError } from "./error.ts";
import type { RunState } from "./run-state.ts";
import { modelSignature } from "./signature.ts";
import { stateFromJson, stateToJson } from "./state-json.ts";

/** What the files need to know of a plan. */
export type TensorLayout = Pick<TrainerPlan, "model" | "tensors">;

/** Values by path, row-major. */
export type TensorValues = ReadonlyMap<string, TensorData>;

export interface Checkpoint {
  readonly state: RunState;
  readonly tensors: TensorValues;
}

const FORMAT = "nnc";
const VERSION = "1";

export async function encodeCheckpoint(
  plan: TensorLayout,
  { state, tensors }: Checkpoint,
): Promise<Uint8Array<ArrayBuffer>> {
  const entries = plan.tensors.map((tensor) => entry(tensor, tensors));
  for (const [index, { state: kept }] of state.callbacks.entries()) {
    if (kept?.weights === undefined) continue;
    for (const tensor of weightTensors(plan)) entries.push(entry(tensor, kept.weights, index));
  }
  return encode(plan, "checkpoint", new Map(entries), stateToJson(state));
}

/** Params and layer states, which are all that `evaluate` and `predict` need. */
export async function encodeWeights(
  plan: TensorLayout,
  tensors: TensorValues,
): Promise<Uint8Array<ArrayBuffer>> {
  const entries = weightTensors(plan).map((tensor) => entry(tensor, tensors));
  return encode(plan, "weights", new Map(entries), null);
}

/** @throws DataError if the file is damaged, of another model, or holds weights only. */
export async function decodeCheckpoint(
  plan: TensorLayout,
  bytes: Uint8Array,
  file: string,
): Promise<Checkpoint> {
  const contents = await decode(bytes, file);
  const { kind, signature, state: text } = contents.metadata;
  if (kind !== "checkpoint" || text === undefined) {
    throw problem(
      file,
      "a checkpoint",
      "weights without the state of a training",
      "give the checkpoint that training wrote, or load the weights instead",
    );
  }
  if (signature !== (await modelSignature(plan)))
    throw anotherModel(plan, contents, plan.tensors, file);
  const state = readState(text, file);
  const callbacks = state.callbacks.map(({ name, state: kept }, index) => {
    const has = weightTensors(plan).some((t) => contents.tensors.has(tensorName(t, index)));
    if (kept === null || !has) return { name, state: kept };
    return { name, state: { ...kept, weights: take(weightTensors(plan), contents, file, index) } };
  });
  return { state: { ...state, callbacks }, tensors: take(plan.tensors, contents, file) };
}

/**
 * Params and layer states from a weights file, a checkpoint, or any safetensors file with tensors of the right
 * names and shapes.
 * @throws DataError if the file is damaged or lacks a tensor.
 */
export async function decodeWeights(
  plan: TensorLayout,
  bytes: Uint8Array,
  file: string,
): Promise<TensorValues> {
  const contents = await decode(bytes, file);
  const wanted = weightTensors(plan);
  if (wanted.some((tensor) => !fits(tensor, contents.tensors.get(tensor.name)))) {
    throw anotherModel(plan, contents, wanted, file);
  }
  return take(wanted, contents, file);
}

/**
 * Those params and layer states that a file has under their paths, with their shapes; `parts` says by the path of a part
 * of the model what the file calls it.
 * @throws TrainingError if `parts` names what is no part of the model.
 * @throws DataError if the file is damaged, has nothing of the model, or has a tensor of it in another element type.
 */
export async function decodeMatchingWeights(
  plan: TensorLayout,
  bytes: Uint8Array,
  file: string,
  parts: Readonly<Record<string, string>>,
): Promise<TensorValues> {
  checkParts(plan, parts);
  const contents = await decode(bytes, file);
  const found = new Map<string, TensorData>();
  for (const tensor of weightTensors(plan)) {
    const value = contents.tensors.get(nameInFile(tensor.name, parts));
    if (fits(tensor, value)) found.set(tensor.name, value!.data as TensorData);
    else if (hasShape(tensor, value)) throw misfitOf(tensor, value, file);
  }
  if (found.size > 0) return found;
  const [first] = contents.tensors.keys();
  const wanted = weightTensors(plan)[0]?.name ?? "";
  const hint =
    'say what parts of the model are called in the file: `weights "file", trunk = "Model/trunk"`';
  const expected = `tensors of model ${plan.model}, such as ${nameInFile(wanted, parts)}`;
  throw problem(file, expected, first === undefined ? "none" : `others, such as ${first}`, hint);
}

function checkParts(plan: TensorLayout, parts: Readonly<Record<string, string>>): void {
  const names = weightTensors(plan).map(({ name }) => name);
  const unknown = Object.keys(parts).find((part) => !names.some((name) => isIn(name, part)));
  if (unknown === undefined) return;
  const [first = "none"] = names;
  throw new TrainingError(
    `model ${plan.model} has no part ${unknown}`,
    `parts are named as they begin the names of tensors, such as ${first}`,
  );
}

function isIn(path: string, part: string): boolean {
  return path === part || path.startsWith(`${part}/`);
}

/** The longest part that a path is in goes by its other name. */
function nameInFile(path: string, parts: Readonly<Record<string, string>>): string {
  const part = Object.keys(parts)
    .filter((name) => isIn(path, name))
    .sort((a, b) => b.length - a.length)[0];
  return part === undefined ? path : parts[part]! + path.slice(part.length);
}

/** The tensors that make a model: what `save` writes and `restore_best_weights` restores. */
export function weightTensors(plan: Pick<TrainerPlan, "tensors">): readonly PersistentTensor[] {
  return plan.tensors.filter(({ role }) => role === "param" || role === "state");
}

async function encode(
  plan: TensorLayout,
  kind: "checkpoint" | "weights",
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  state: string | null,
): Promise<Uint8Array<ArrayBuffer>> {
  const metadata = {
    format: FORMAT,
    version: VERSION,
    kind,
    model: plan.model,
    signature: await modelSignature(plan),
    ...(state === null ? {} : { state }),
  };
  return writeSafetensors(tensors, { ...metadata, sha256: await checksum({ tensors, metadata }) });
}

async function decode(bytes: Uint8Array, file: string): Promise<Safetensors> {
  const contents = readSafetensors(bytes, file);
  const { sha256: expected, ...metadata } = contents.metadata;
  // Files of other programs say nothing that counts besides their tensors.
  if (metadata.format !== FORMAT) return { ...contents, metadata: {} };
  if (metadata.version !== VERSION) {
    const found = `version ${metadata.version}`;
    throw problem(file, `version ${VERSION}`, found, "use the nnc that wrote it");
  }
  if (expected !== (await checksum({ ...contents, metadata }))) {
    throw problem(
      file,
      "contents that match their checksum",
      "others",
      "the file is damaged; take another copy or an older checkpoint",
    );
  }
  return contents;
}

/** Over all metadata and tensors, in order of their names. */
async function checksum({ tensors, metadata }: Safetensors): Promise<string> {
  const parts: Uint8Array[] = [];
  const encoder = new TextEncoder();
  const append = (text: string) => parts.push(encoder.encode(text));
  for (const key of Object.keys(metadata).sort()) append(`${key}: ${metadata[key]}\n`);
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, data } = tensors.get(name)!;
    append(`\n${name} ${dtype}[${shape.join(",")}]\n`);
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return sha256(parts);
}

function readState(text: string, file: string): RunState {
  try {
    return stateFromJson(text);
  } catch (error) {
    throw problem(
      file,
      "the state of a training",
      messageOf(error),
      "the file is damaged; take another copy or an older checkpoint",
    );
  }
}

function anotherModel(
  plan: TensorLayout,
  { tensors, metadata }: Safetensors,
  wanted: readonly PersistentTensor[],
  file: string,
): DataError {
  const misfit = wanted.find((tensor) => !fits(tensor, tensors.get(tensor.name)));
  if (misfit !== undefined) return misfitOf(misfit, tensors.get(misfit.name), file);
  const { model } = metadata;
  const others = `other tensors${model === undefined ? "" : ` (of model ${model})`}`;
  return problem(file, `the tensors of model ${plan.model}`, others, ofAnotherModel);
}

const ofAnotherModel = "the file belongs to another model, or the model was changed since";

/** Programs in Python write float64 or half precision unless they convert. */
function misfitOf(
  tensor: PersistentTensor,
  present: SafetensorsTensor | undefined,
  file: string,
): DataError {
  const { name, dtype, shape } = tensor;
  const found = present === undefined ? "none" : `${present.dtype}[${present.shape.join(", ")}]`;
  const hint = hasShape(tensor, present)
    ? "convert it where the file is written, in NumPy by `astype`"
    : ofAnotherModel;
  return problem(file, `a tensor ${name}: ${fileTypes[dtype]}[${shape.join(", ")}]`, found, hint);
}

const fileTypes = { f32: "F32", i32: "I32", u8: "U8", bool: "BOOL" } as const satisfies Record<
  ElementType,
  string
>;

function fits(tensor: PersistentTensor, found: SafetensorsTensor | undefined): boolean {
  return hasShape(tensor, found) && found!.dtype === fileTypes[tensor.dtype];
}

function hasShape(tensor: PersistentTensor, found: SafetensorsTensor | undefined): boolean {
  return found !== undefined && `${found.shape}` === `${tensor.shape}`;
}

function take(
  wanted: readonly PersistentTensor[],
  { tensors }: Safetensors,
  file: string,
  callback?: number,
): TensorValues {
  const values = wanted.map((tensor) => {
    const name = tensorName(tensor, callback);
    const found = tensors.get(name);
    if (found === undefined || !fits(tensor, found)) {
      throw problem(file, `tensor ${name}`, "none that fits", "the file is damaged");
    }
    return [tensor.name, found.data as TensorData] as const;
  });
  return new Map(values);
}

function entry(
  tensor: PersistentTensor,
  values: TensorValues,
  callback?: number,
): [string, SafetensorsTensor] {
  const data = values.get(tensor.name);
  if (data === undefined) throw new RangeError(`no value for ${tensor.name}`);
  const dtype = fileTypes[tensor.dtype];
  return [tensorName(tensor, callback), { dtype, shape: tensor.shape, data } as SafetensorsTensor];
}

/** Weights that a callback keeps lie beside the model's own. */
function tensorName({ name }: PersistentTensor, callback: number | undefined): string {
  return callback === undefined ? name : `callbacks/${callback}/${name}`;
}

function problem(file: string, expected: string, found: string, hint: string): DataError {
  return new DataError({ file, expected, found, hint });
}
