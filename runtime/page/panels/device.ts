/** Model, device and self-test, at the head of the page. */

import { elementCount } from "../../data/column.ts";
import { formatCount } from "../../training/report/quantities.ts";
import { find, make, setText } from "../elements.ts";
import { formatCompiling, plural } from "../format.ts";
import type { PageState } from "../state.ts";
import type { Render } from "./panel.ts";

export function createDevicePanel(): Render {
  const name = find("model-name", HTMLElement);
  const about = find("model-about", HTMLElement);
  const device = find("device", HTMLElement);
  let shown = "";

  return (state) => {
    if (state.plan !== null) {
      setText(name, state.plan.model);
      setText(about, describeModel(state.plan));
    }
    const parts = describeDevice(state);
    const text = parts.map(({ text: part }) => part).join();
    // A live region speaks whenever it is written to.
    if (text === shown) return;
    shown = text;
    device.replaceChildren(...parts.map((part) => make("span", part.className, part.text)));
  };
}

function describeModel({ tensors, layers }: NonNullable<PageState["plan"]>): string {
  const parameters = tensors
    .filter(({ role }) => role === "param")
    .reduce((total, { shape }) => total + elementCount(shape), 0);
  return `${formatCount(parameters)} parameters in ${plural(layers.length, "layer")}, trained here in your browser`;
}

interface Part {
  readonly text: string;
  readonly className: string;
}

function describeDevice(state: PageState): readonly Part[] {
  const { device, software, selfTest, busy, phase } = state;
  if (device === null) {
    if (phase === "unusable") return [{ text: "no device", className: "refused" }];
    return [{ text: describeOpening(state), className: "" }];
  }
  const parts: Part[] = [{ text: device, className: "" }];
  if (software) parts.push({ text: "in software: correct, but slow", className: "" });
  if (busy === "testing") parts.push({ text: "testing itself…", className: "" });
  else if (selfTest?.passed) {
    parts.push({
      text: `✓ self-test passed (${plural(selfTest.compared, "value")})`,
      className: "passed",
    });
  } else if (selfTest !== null) parts.push({ text: "✗ self-test failed", className: "refused" });
  return parts;
}

function describeOpening({ busy, compiling }: PageState): string {
  if (compiling !== null) return formatCompiling(compiling);
  return busy === "testing" ? "Testing the device…" : "Looking for a graphics processor…";
}
