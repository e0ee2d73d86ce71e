/** Which numbers a training takes, and their ranges. */

import type { TrainerPlan } from "../plan.ts";
import type { Settings } from "./protocol.ts";

export interface SettingRule {
  /** `epochs`, `batch_size`, `seed`, or a run-time number of the optimizer. */
  readonly name: string;
  readonly least: number;
  readonly most?: number;
  readonly whole: boolean;
}

const LARGEST_SEED = 2 ** 31 - 1;

export function settingRules({
  batchMax,
  hypers,
}: Pick<TrainerPlan, "batchMax" | "hypers">): readonly SettingRule[] {
  return [
    { name: "epochs", least: 1, most: 100_000, whole: true },
    { name: "batch_size", least: 1, most: batchMax, whole: true },
    ...Object.keys(hypers).map((name) => ({ name, least: 0, whole: false })),
    { name: "seed", least: 0, most: LARGEST_SEED, whole: true },
  ];
}

/** What is wrong with a text as this setting. */
export function checkSetting(
  { name, least, most, whole }: SettingRule,
  text: string,
): string | undefined {
  const value = Number(text);
  const inRange = value >= least && (most === undefined || value <= most);
  if (text.trim() !== "" && inRange && (!whole || Number.isInteger(value))) return undefined;
  const kind = whole ? "a whole number" : "a number";
  const range =
    most === undefined
      ? `of at least ${least}`
      : `from ${least} to ${most.toLocaleString("en-US")}`;
  const built = name === "batch_size" ? ": the trainer was built for batches of up to that" : "";
  const what = name.replaceAll("_", " ");
  return `The ${what} must be ${kind} ${range}${built}.`;
}

export function settingValue(settings: Settings, { name }: SettingRule): number {
  if (name === "epochs" || name === "seed") return settings[name];
  return name === "batch_size" ? settings.batchSize : (settings.hypers[name] ?? 0);
}

export function withSetting(settings: Settings, { name }: SettingRule, value: number): Settings {
  if (name === "epochs" || name === "seed") return { ...settings, [name]: value };
  if (name === "batch_size") return { ...settings, batchSize: value };
  return { ...settings, hypers: { ...settings.hypers, [name]: value } };
}
