/** Numbers and times as the page writes them. */

import type { Compiling } from "./protocol.ts";

/** `0:07`, `3:05`, `2:07:00`. */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours}:${two(minutes)}:${two(whole % 60)}`;
  return `${minutes}:${two(whole % 60)}`;
}

/** `just now`, `5 minutes ago`, `yesterday`; what lies longer back is a date. */
export function formatAgo(milliseconds: number, now: number): string {
  const seconds = (now - milliseconds) / 1000;
  if (seconds < 60) return "just now";
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (seconds < 3600) return words.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86_400) return words.format(-Math.round(seconds / 3600), "hour");
  if (seconds < 7 * 86_400) return words.format(-Math.round(seconds / 86_400), "day");
  return `on ${new Date(milliseconds).toISOString().slice(0, 10)}`;
}

/** `9.9 MB`, in steps of 1000 as browsers and file managers have them. */
export function formatSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toPrecision(2)} ${units[unit]}`;
}

/** `Preparing kernels: 7 of 11`. */
export function formatCompiling({ done, all }: Compiling): string {
  return `Preparing kernels: ${done} of ${all}`;
}

/** `12,300/s`: samples. */
export function formatRate(perSecond: number): string {
  const rounded =
    perSecond >= 100 ? Number(perSecond.toPrecision(3)) : Math.round(perSecond * 10) / 10;
  return `${rounded.toLocaleString("en-US")}/s`;
}

/** `98.3 %`. */
export function formatPercent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** `val_mean_absolute_error` is "mean absolute error". */
export function quantityName(metric: string): string {
  return metric.replace(/^val_/, "").replaceAll("_", " ");
}

/** `1 epoch`, `5 epochs`. */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
