/**
 * The run's state as JSON text for a checkpoint's metadata, and back. JSON lacks NaN, infinities and −0, which a
 * loss or a callback's best value may be: they are written as `{"number": "-Infinity"}`. What is read is checked
 * field by field, as a file may hold anything.
 */

import type { CallbackState } from "./callbacks/callback.ts";
import type { History } from "./history.ts";
import type { RunState } from "./run-state.ts";

/** A state without its callbacks' weights, which are tensors of the file. */
export function stateToJson(state: RunState): string {
  const callbacks = state.callbacks.map(({ name, state: kept }) => ({
    name,
    state: kept === null ? null : { values: kept.values },
  }));
  return JSON.stringify({ ...state, callbacks }, (_key, value: unknown) =>
    typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
      ? { number: Object.is(value, -0) ? "-0" : String(value) }
      : value,
  );
}

/** Throws a `SyntaxError` or `TypeError` that says which field is wrong. */
export function stateFromJson(text: string): RunState {
  const root = record(
    JSON.parse(text, (_key, value: unknown) =>
      isRecord(value) && typeof value.number === "string" ? Number(value.number) : value,
    ),
    "state",
  );
  return {
    seed: number(root.seed, "seed"),
    batchSize: count(root.batchSize, "batchSize"),
    trainingRows: count(root.trainingRows, "trainingRows"),
    epoch: count(root.epoch, "epoch"),
    position: count(root.position, "position"),
    earlierEpochs: count(root.earlierEpochs, "earlierEpochs"),
    batch: count(root.batch, "batch"),
    t: count(root.t, "t"),
    // Checkpoints of before there could be several updates.
    updates: root.updates === undefined ? { train: count(root.t, "t") } : counts(root.updates),
    hypers: numbers(root.hypers, "hypers"),
    // Checkpoints of before it was kept what the file said.
    planned: root.planned === undefined ? {} : numbers(root.planned, "planned"),
    history: history(root.history),
    callbacks: list(root.callbacks, "callbacks").map((item, index) => {
      const { name, state } = record(item, `callbacks[${index}]`);
      if (typeof name !== "string") throw new TypeError(`callbacks[${index}].name is not a string`);
      return { name, state: state === null ? null : callbackState(state, name) };
    }),
    stopped: root.stopped === true,
  };
}

function history(value: unknown): History {
  const { epoch, history } = record(value, "history");
  const columns = Object.entries(record(history, "history.history")).map(([name, values]) => [
    name,
    list(values, name).map((item) => number(item, name)),
  ]);
  return {
    epoch: list(epoch, "history.epoch").map((item) => count(item, "history.epoch")),
    history: Object.fromEntries(columns),
  };
}

function callbackState(value: unknown, name: string): CallbackState {
  const values = Object.entries(record(record(value, name).values, `${name}.values`));
  for (const [key, item] of values) {
    const plain =
      item === null ||
      ["number", "string", "boolean"].includes(typeof item) ||
      (Array.isArray(item) && item.every((part) => typeof part === "string"));
    if (!plain) throw new TypeError(`${name}.${key} is not plain`);
  }
  return { values: Object.fromEntries(values) as CallbackState["values"] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (!isRecord(value)) throw new TypeError(`${name} is not an object`);
  return value;
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} is not a list`);
  return value;
}

function number(value: unknown, name: string): number {
  if (typeof value !== "number") throw new TypeError(`${name} is not a number`);
  return value;
}

function numbers(value: unknown, name: string): Readonly<Record<string, number>> {
  const entries = Object.entries(record(value, name));
  return Object.fromEntries(entries.map(([key, item]) => [key, number(item, `${name}.${key}`)]));
}

function counts(value: unknown): Readonly<Record<string, number>> {
  const entries = Object.entries(record(value, "updates"));
  return Object.fromEntries(entries.map(([key, item]) => [key, count(item, `updates.${key}`)]));
}

function count(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new TypeError(`${name} is not a whole number of at least 0`);
  }
  return value as number;
}
