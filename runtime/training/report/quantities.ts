/** Counts, bytes and rates for people. */

/** `25,450`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `99.41 KB`, in steps of 1024 as Keras has them. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(2)} ${units[unit]}`;
}

/** `19.7 M`, in steps of 1000. */
export function formatLarge(value: number): string {
  const units = ["", " k", " M", " G", " T"];
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? String(Math.round(scaled)) : scaled.toPrecision(3)}${units[unit]}`;
}
