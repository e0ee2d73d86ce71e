/** Numbers and lines as Keras' progress bar writes them. */

import type { Logs } from "../callbacks/callback.ts";
import type { EpochReport } from "./reporter.ts";

/** Four decimals, or scientific where those would say nothing: Keras' `Progbar`. */
export function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return String(value).toLowerCase().replace("infinity", "inf");
  if (Math.abs(value) > 1e-3 || value === 0) return value.toFixed(4);
  return value.toExponential(4).replace(/e([+-])(\d)$/, "e$10$2");
}

/** `loss: 0.0434 - accuracy: 0.7100`. */
export function formatLogs(logs: Readonly<Logs>): string {
  return Object.entries(logs)
    .map(([name, value]) => `${name}: ${formatMetric(value)}`)
    .join(" - ");
}

/** `0.4s`, `12s`, `3m05s`, `2h07m`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m${two(whole % 60)}s`;
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

/** `Epoch 1/5  469/469  0.1s  loss: 0.0434 - accuracy: 0.7100`. */
export function formatEpoch({ epoch, epochs, batches, seconds, logs }: EpochReport): string {
  const number = String(epoch + 1).padStart(String(epochs).length);
  return `Epoch ${number}/${epochs}  ${batches}/${batches}  ${formatSeconds(seconds)}  ${formatLogs(logs)}`;
}
