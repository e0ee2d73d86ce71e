/** The canvas: strokes of a finger, a pen or a mouse, a picture from a file, or a sample of the data. */

import { find, findAny, findButton, findInput, onPress, setHidden, setText } from "../elements.ts";
import { centreByMass } from "../image/centre.ts";
import { fromColumn, type ImageInput, type Palette, toColumn } from "../image/image-input.ts";
import { createRaster, type Raster, resample, wholeArea } from "../image/raster.ts";
import { acceptDrops } from "./data.ts";

/** Pixels of the longer side, whatever size it has on the screen. */
const RESOLUTION = 336;

export interface DrawingPad {
  readonly setPalette: (palette: Palette) => void;
  /** Shows values of the model's input as they are; the next stroke begins a new drawing. */
  readonly show: (values: ArrayLike<number>) => void;
}

export interface DrawingOptions {
  readonly image: ImageInput;
  readonly palette: Palette;
  /** Called with values for the model whenever the picture changed; undefined for an empty one. */
  readonly onChange: (values: Float32Array | Uint8Array | undefined) => void;
  readonly onProblem: (name: string) => void;
}

export function createDrawingPad(options: DrawingOptions): DrawingPad {
  const { image, onChange, onProblem } = options;
  let { palette } = options;
  const canvas = find("draw-canvas", HTMLCanvasElement);
  const scale = RESOLUTION / Math.max(image.width, image.height);
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const centre = findInput("draw-centre");
  const colour = findInput("draw-colour");
  const brush = findInput("draw-brush");
  const isGrey = image.channels === 1;
  setHidden(findAny("draw-centre-field"), !isGrey);
  setHidden(findAny("draw-colour-field"), isGrey);
  centre.checked = isGrey && image.width === 28 && image.height === 28;
  setText(
    findAny("draw-hint"),
    "Draw with a finger, a pen or the mouse. By keyboard: open an image, or take a random sample.",
  );
  /** What is on the canvas was not drawn there: the next stroke begins anew. */
  let foreign = false;
  let empty = true;

  const ground = () => (isGrey && palette.darkOnLight ? "#fff" : "#000");
  const ink = () => (isGrey ? (palette.darkOnLight ? "#000" : "#fff") : colour.value);
  const clear = () => {
    context.fillStyle = ground();
    context.fillRect(0, 0, canvas.width, canvas.height);
    [foreign, empty] = [false, true];
    describe("empty");
  };
  const describe = (what: string) =>
    canvas.setAttribute("aria-label", `Canvas to draw on: ${what}`);
  const change = () => {
    if (empty) return onChange(undefined);
    const drawn = readRaster(context, image.channels, palette.darkOnLight);
    const raster = centre.checked
      ? centreByMass(drawn, image.width, image.height)
      : resample(drawn, wholeArea(drawn), image.width, image.height);
    onChange(toColumn(image, raster, palette));
  };

  drawStrokes(canvas, {
    begin: () => {
      if (foreign) clear();
      empty = false;
      describe("a drawing");
      context.strokeStyle = ink();
      context.fillStyle = ink();
      context.lineWidth = (Number(brush.value) / 100) * Math.min(canvas.width, canvas.height);
      context.lineCap = "round";
      context.lineJoin = "round";
    },
    line: (from, to) => {
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
    },
    change,
  });

  const openImage = async (file: File) => {
    const bitmap = await createImageBitmap(file).catch(() => undefined);
    if (bitmap === undefined) return onProblem(file.name);
    clear();
    drawCovering(context, bitmap);
    bitmap.close();
    if (isGrey && !palette.darkOnLight && hasLightEdges(readRaster(context, 1, false)))
      invert(context);
    [foreign, empty] = [true, false];
    describe(`the image ${file.name}`);
    change();
  };
  const input = findInput("draw-file");
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file !== undefined) void openImage(file);
    input.value = "";
  });
  acceptDrops(canvas.parentElement!, ([file]) => {
    if (file !== undefined) void openImage(file);
  });
  onPress(findButton("draw-clear"), () => {
    clear();
    change();
  });
  centre.addEventListener("change", () => {
    if (!foreign || !empty) change();
  });
  clear();

  return {
    setPalette: (next) => {
      const flipped = next.darkOnLight !== palette.darkOnLight;
      palette = next;
      if (flipped && empty) clear();
    },
    show: (values) => {
      paintRaster(context, fromColumn(image, values, palette), palette.darkOnLight);
      [foreign, empty] = [true, false];
      describe("a sample of the data");
    },
  };
}

interface Spot {
  readonly x: number;
  readonly y: number;
}

interface StrokeActions {
  readonly begin: () => void;
  readonly line: (from: Spot, to: Spot) => void;
  readonly change: () => void;
}

/** One stroke at a time, that of the first finger; all positions between two frames are taken. */
function drawStrokes(canvas: HTMLCanvasElement, { begin, line, change }: StrokeActions): void {
  let pointer: number | undefined;
  let last: Spot = { x: 0, y: 0 };
  const spot = (event: PointerEvent): Spot => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * canvas.width,
      y: ((event.clientY - box.top) / box.height) * canvas.height,
    };
  };
  const lineTo = (event: PointerEvent) => {
    const next = spot(event);
    line(last, next);
    last = next;
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== undefined || event.button !== 0) return;
    event.preventDefault();
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    last = spot(event);
    begin();
    lineTo(event);
    change();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length > 0 ? between : [event]) lineTo(each);
    change();
  });
  const end = (event: PointerEvent) => {
    if (event.pointerId !== pointer) return;
    pointer = undefined;
    change();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}

/** Grey rasters hold ink: light, or its opposite where strokes are dark. */
function readRaster(
  context: CanvasRenderingContext2D,
  channels: 1 | 3,
  darkOnLight: boolean,
): Raster {
  const { width, height } = context.canvas;
  const pixels = context.getImageData(0, 0, width, height).data;
  const raster = createRaster(width, height, channels);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = [
      pixels[4 * i]! / 255,
      pixels[4 * i + 1]! / 255,
      pixels[4 * i + 2]! / 255,
    ];
    if (channels === 3) {
      raster.data.set([red, green, blue], 3 * i);
      continue;
    }
    const light = 0.299 * red + 0.587 * green + 0.114 * blue;
    raster.data[i] = darkOnLight ? 1 - light : light;
  }
  return raster;
}

/** A raster over the whole canvas, its pixels as squares. */
export function paintRaster(
  context: CanvasRenderingContext2D,
  { width, height, channels, data }: Raster,
  darkOnLight: boolean,
): void {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      const value = data[i * channels + (channels === 3 ? c : 0)]!;
      pixels.data[4 * i + c] = 255 * (channels === 1 && darkOnLight ? 1 - value : value);
    }
    pixels.data[4 * i + 3] = 255;
  }
  const small = new OffscreenCanvas(width, height);
  small.getContext("2d")!.putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}

/** The middle of a picture, as large as the canvas. */
function drawCovering(context: CanvasRenderingContext2D, bitmap: ImageBitmap): void {
  const { width, height } = context.canvas;
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const size = { width: bitmap.width * scale, height: bitmap.height * scale };
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(
    bitmap,
    (width - size.width) / 2,
    (height - size.height) / 2,
    size.width,
    size.height,
  );
}

/** A drawing on paper, most likely. */
function hasLightEdges({ width, height, data }: Raster): boolean {
  let [sum, count] = [0, 0];
  for (let x = 0; x < width; x++) {
    sum += data[x]! + data[(height - 1) * width + x]!;
    count += 2;
  }
  return sum / count > 0.5;
}

function invert(context: CanvasRenderingContext2D): void {
  const { width, height } = context.canvas;
  const pixels = context.getImageData(0, 0, width, height);
  for (let i = 0; i < pixels.data.length; i++) {
    if (i % 4 !== 3) pixels.data[i] = 255 - pixels.data[i]!;
  }
  context.putImageData(pixels, 0, 0);
}
