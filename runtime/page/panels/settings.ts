/** The numbers of a training that may be chosen, and whether they make sense. */

import { find, findAny, make, setText } from "../elements.ts";
import { quantityName } from "../format.ts";
import type { Settings } from "../protocol.ts";
import {
  checkSetting,
  type SettingRule,
  settingRules,
  settingValue,
  withSetting,
} from "../settings-rules.ts";
import { isWithinEpoch, type PageState } from "../state.ts";
import type { PageContext } from "./panel.ts";

export interface SettingsForm {
  /** Undefined if a number is out of its range; the field is then marked and focused. */
  readonly read: () => Settings | undefined;
  readonly render: (state: PageState) => void;
}

export function createSettingsForm({ state, dispatch }: PageContext): SettingsForm {
  const fields = find("settings-fields", HTMLFieldSetElement);
  const list = findAny("settings-inputs");
  const note = findAny("settings-note");
  const form = find("settings", HTMLFormElement);
  const inputs = new Map<SettingRule, HTMLInputElement>();
  form.addEventListener("submit", (event) => event.preventDefault());

  const read = (): Settings | undefined => {
    const current = state().settings;
    if (current === null) return undefined;
    let chosen = current;
    for (const [rule, input] of inputs) {
      const problem = checkSetting(rule, input.value);
      input.setAttribute("aria-invalid", String(problem !== undefined));
      if (problem !== undefined) {
        setText(note, problem);
        input.focus();
        return undefined;
      }
      chosen = withSetting(chosen, rule, Number(input.value));
    }
    setText(note, "");
    return chosen;
  };

  /** Keeps the page's state in step with valid fields, and says what is wrong with others. */
  const take = (rule: SettingRule, input: HTMLInputElement) => {
    const problem = checkSetting(rule, input.value);
    input.setAttribute("aria-invalid", String(problem !== undefined));
    setText(note, problem ?? "");
    const current = state().settings;
    if (problem !== undefined || current === null) return;
    dispatch({ kind: "settings", settings: withSetting(current, rule, Number(input.value)) });
  };

  const build = (plan: NonNullable<PageState["plan"]>) => {
    for (const rule of settingRules(plan)) {
      const input = make("input", "");
      input.type = "number";
      input.id = `setting-${rule.name.replaceAll("_", "-")}`;
      input.min = String(rule.least);
      if (rule.most !== undefined) input.max = String(rule.most);
      input.step = rule.whole ? "1" : "any";
      input.inputMode = rule.whole ? "numeric" : "decimal";
      input.setAttribute("aria-describedby", note.id);
      input.addEventListener("input", () => take(rule, input));
      inputs.set(rule, input);
      const label = quantityName(rule.name);
      list.append(make("label", "field", label[0]!.toUpperCase() + label.slice(1), input));
    }
  };

  return {
    read,
    render: (current) => {
      const { plan, settings, phase } = current;
      if (plan?.training == null || settings === null) {
        form.hidden = plan !== null;
        return;
      }
      if (inputs.size === 0) build(plan);
      fields.disabled = phase === "training" || phase === "starting" || phase === "pausing";
      const trained = (current.run?.updates ?? 0) > 0 || current.progress !== null;
      for (const [rule, input] of inputs) {
        // A run keeps its seed, and within an epoch its batches.
        input.disabled =
          (rule.name === "seed" && trained) ||
          (rule.name === "batch_size" && isWithinEpoch(current));
        const value = String(settingValue(settings, rule));
        const untouched =
          document.activeElement !== input && input.getAttribute("aria-invalid") !== "true";
        if (untouched && input.value !== value) input.value = value;
      }
    },
  };
}
