/** Predictions for what is drawn, for an image file, or for a row of the data. */

import type { TensorData } from "../../data/column.ts";
import type { TrainerPlan } from "../../plan.ts";
import {
  find,
  findAny,
  findButton,
  onPress,
  setDisabled,
  setHidden,
  setText,
} from "../elements.ts";
import {
  defaultPalette,
  fromColumn,
  type ImageInput,
  imageInput,
  type Palette,
} from "../image/image-input.ts";
import type { Sample, WorkerEvent } from "../protocol.ts";
import type { PageState } from "../state.ts";
import { createDrawingPad, type DrawingPad, paintRaster } from "./draw.ts";
import { describeVerdict, facts, formatNumber, renderOutputs } from "./outputs.ts";
import type { PageContext, Render } from "./panel.ts";

type Inputs = Readonly<Record<string, TensorData>>;

/** While the model learns, its opinion of the same drawing is asked again so often. */
const AGAIN_MILLISECONDS = 1000;

export interface TryPanel {
  readonly render: Render;
  readonly receive: (event: WorkerEvent) => void;
}

export function createTryPanel({ state, send, dispatch }: PageContext): TryPanel {
  const sample = findButton("try-sample");
  const about = findAny("try-sample-about");
  const verdict = findAny("try-verdict");
  const outputs = findAny("try-outputs");
  const empty = findAny("try-empty");
  const seen = findAny("try-seen");
  const seenCanvas = find("try-seen-canvas", HTMLCanvasElement);
  let image: ImageInput | undefined;
  let palette: Palette = { maximum: 1, darkOnLight: false };
  let pad: DrawingPad | undefined;
  let built = false;
  /** What the model is asked about, and whether it was asked already. */
  let current: Inputs | undefined;
  let asking = false;
  let changed = false;
  let askedAt = 0;

  const ask = (inputs: Inputs | undefined) => {
    current = inputs;
    setHidden(empty, inputs !== undefined);
    changed = inputs !== undefined;
    if (inputs === undefined) showNothing();
    else showSeen(inputs);
    askNext();
  };
  /** One question at a time, the newest. */
  const askNext = () => {
    if (asking || !changed || current === undefined || state().device === null) return;
    [asking, changed] = [true, false];
    askedAt = performance.now();
    send({ kind: "predict", inputs: current });
  };
  const showNothing = () => {
    verdict.replaceChildren();
    outputs.replaceChildren();
    setHidden(seen, true);
  };
  const showSeen = (inputs: Inputs) => {
    const values = image && inputs[image.name];
    if (image === undefined || values === undefined) return;
    seenCanvas.width = image.width;
    seenCanvas.height = image.height;
    seenCanvas.setAttribute("aria-label", `The picture in ${image.width} × ${image.height} pixels`);
    const raster = fromColumn(image, values, palette);
    paintRaster(seenCanvas.getContext("2d")!, raster, palette.darkOnLight);
    setHidden(seen, false);
  };

  onPress(sample, () => send({ kind: "sample" }));

  const build = (plan: TrainerPlan) => {
    image = imageInput(plan);
    setHidden(findAny("draw"), image === undefined);
    if (image === undefined) return;
    palette = defaultPalette(image);
    const { name } = image;
    pad = createDrawingPad({
      image,
      palette,
      onChange: (values) => {
        setText(about, "");
        ask(values && { [name]: values });
      },
      onProblem: (file) =>
        dispatch({
          kind: "notice",
          notice: {
            level: "error",
            action: null,
            problem: {
              title: "The image cannot be opened",
              detail: `The browser cannot read ${file} as an image.`,
              advice: "Choose a PNG, JPEG or WebP file.",
            },
          },
        }),
    });
  };

  return {
    render: (now) => {
      if (now.plan === null) return;
      if (!built) {
        built = true;
        build(now.plan);
      }
      const canSample = now.plan.data !== null && now.device !== null;
      setHidden(sample, now.plan.data === null);
      setDisabled(sample, !canSample);
      askNext();
    },
    receive: (event) => {
      if (event.kind === "prediction") {
        asking = false;
        if (current !== undefined) {
          showVerdict(verdict, event, state());
          renderOutputs(outputs, event.outputs);
        }
        askNext();
      } else if (event.kind === "sample") {
        const { plan } = state();
        if (plan === null) return;
        const shown = image && event.sample.values[image.name];
        if (shown !== undefined) pad?.show(shown);
        describeSample(about, event.sample, plan, image !== undefined);
        ask(inputsOf(event.sample, plan));
      } else if (event.kind === "palette") {
        palette = event;
        pad?.setPalette(palette);
      } else if (
        event.kind === "run" ||
        event.kind === "epoch-end" ||
        isTimeAgain(event, askedAt)
      ) {
        changed = current !== undefined;
        askNext();
      }
    },
  };
}

function isTimeAgain(event: WorkerEvent, askedAt: number): boolean {
  return event.kind === "progress" && performance.now() - askedAt > AGAIN_MILLISECONDS;
}

function inputsOf({ values }: Sample, { inputs }: TrainerPlan): Inputs {
  return Object.fromEntries(
    inputs.flatMap((name) => {
      const value = values[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function showVerdict(
  element: HTMLElement,
  { outputs }: Extract<WorkerEvent, { readonly kind: "prediction" }>,
  { run, progress }: PageState,
): void {
  const untrained = (run?.updates ?? 0) === 0 && progress === null;
  const parts = describeVerdict(outputs);
  const text = [
    ...parts,
    untrained && parts.length > 0 ? ": a guess, as nothing is trained yet" : "",
  ];
  const said = text.map((part) => (typeof part === "string" ? part : part.textContent)).join("");
  // A live region speaks whenever it is written to.
  if (element.textContent !== said) element.replaceChildren(...text);
}

/** Where the row is from, what it should give, and for inputs that are no picture their values. */
function describeSample(
  element: HTMLElement,
  { block, row, values }: Sample,
  { inputs }: TrainerPlan,
  isPicture: boolean,
): void {
  const shownOf = (data: TensorData) => {
    const few = [...data.slice(0, 16)].map(formatNumber).join(", ");
    return data.length > 16 ? `${few}, …` : few;
  };
  const targets = Object.entries(values).filter(([name]) => !inputs.includes(name));
  const told = targets.map(([name, data]) => `${name.replaceAll("_", " ")} ${shownOf(data)}`);
  const from = `Row ${(row + 1).toLocaleString("en-US")} of the ${block} data`;
  const text = told.length === 0 ? `${from}.` : `${from}; it should give: ${told.join(", ")}.`;
  const given = inputs.map((name) => [name.replaceAll("_", " "), shownOf(values[name]!)] as const);
  element.replaceChildren(text, ...(isPicture ? [] : [facts(given)]));
}
