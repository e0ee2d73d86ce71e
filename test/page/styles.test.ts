/** Text can be read in both colour schemes: contrasts as the Web Content Accessibility Guidelines compute them. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const text = readFileSync(new URL("../../runtime/page/styles/tokens.css", import.meta.url), "utf8");
const [light, dark] = text.split("@media (prefers-color-scheme: dark)");

/** Hexadecimal colours by name. */
function colours(part: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...part.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  );
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

describe.each([
  ["light", colours(light!)],
  ["dark", { ...colours(light!), ...colours(dark!.split("}")[0]!) }],
])("the %s scheme", (_name, scheme) => {
  const grounds = ["ground", "surface", "sunken"];
  const texts: readonly (readonly [ink: string, ground: string])[] = [
    ...["ink", "muted", "accent", "good"].flatMap((ink) =>
      grounds.map((ground) => [ink, ground] as const),
    ),
    ...["ink", "error"].map((ink) => [ink, "error-soft"] as const),
    ...["ink", "warning"].map((ink) => [ink, "warning-soft"] as const),
    ["ink", "accent-soft"],
    ["on-accent", "accent"],
    ["on-accent", "accent-hover"],
    ["error", "surface"],
  ];

  test.each(texts)("%s on %s can be read", (ink, ground) => {
    expect(contrast(scheme[ink]!, scheme[ground]!)).toBeGreaterThanOrEqual(4.5);
  });

  test.each(["line-strong", "accent", "second"])("%s on the surface can be seen", (line) => {
    expect(contrast(scheme[line]!, scheme.surface!)).toBeGreaterThanOrEqual(3);
  });
});
