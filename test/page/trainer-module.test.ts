/** The same trainer in a browser: in a page and in a worker, under a strict Content-Security-Policy. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smallWgslProgram } from "../trainer/small-wgsl-program.ts";
import { writeLineTrainer } from "../trainer/wgsl-folder.ts";
import { hasChromium, needsChromium, type OpenedBrowser, openBrowser } from "./browser.ts";
import { type ServedFolder, serveStrictly } from "./strict-server.ts";

/** Trains, is paused, goes on, and keeps its files; gives what it saw. The same in a page and in a worker. */
const USE = `
import { fetchFrom, loadData } from "./data.js";
import { originStorage } from "./runtime.js";
import { definition, Line } from "./trainer.js";

export async function use() {
  const data = await loadData(definition.plan, "train", fetchFrom("./"));
  const whole = await Line.create();
  const unbroken = (await whole.fit(data, { epochs: 5 })).history.loss;

  const model = await Line.create();
  const pause = new AbortController();
  const progress = [];
  const options = {
    epochs: 5,
    checkpoint: "runs/line.safetensors",
    callbacks: [{ name: "CSVLogger", arguments: { filename: "runs/log.csv" } }],
  };
  await model.fit(data, {
    ...options,
    signal: pause.signal,
    onProgress: (at) => { progress.push(at); if (at.epoch === 1) pause.abort(); },
  });
  const paused = model.state.epoch;
  const resumed = (await model.fit(data, { ...options, resume: true })).history.loss;

  const fromFile = await Line.create();
  await fromFile.resume("runs/line.safetensors");
  const longer = (await fromFile.fit(data, { epochs: 6 })).history.loss;
  const inMemory = await Line.create();
  await inMemory.restore(await model.checkpoint());
  const same = (await inMemory.fit(data, { epochs: 6 })).history.loss;

  const { prediction } = await model.predict({ x: [0.5] });
  const log = new TextDecoder().decode(await originStorage().read("runs/log.csv"));
  const missing = await model.load("nowhere.safetensors").catch((error) => error.message);
  const elsewhere = await Line.create({ device: "cpu" }).catch((error) => error.message);
  const selfTest = await model.selfTest();
  for (const used of [whole, model, fromFile, inMemory]) used.dispose();
  return {
    device: model.device,
    rows: data.x.shape,
    unbroken, paused, resumed, longer, same, missing, elsewhere,
    progress: progress.length,
    prediction: prediction.data[0],
    log,
    deviations: selfTest.deviations.length,
  };
}
`;

const PAGE = `
import { use } from "./use.js";
const explain = (error) => ({ error: String(error?.stack ?? error) });
window.inPage = use().catch(explain);
window.inWorker = window.inPage.then(() => new Promise((resolve) => {
  const worker = new Worker("./worker.js", { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => resolve({ error: event.message });
}));
`;

const WORKER = `
import { use } from "./use.js";
use().catch((error) => ({ error: String(error?.stack ?? error) })).then((seen) => postMessage(seen));
`;

interface Seen {
  readonly error?: string;
  readonly device: string;
  readonly rows: readonly number[];
  readonly unbroken: readonly number[];
  readonly paused: number;
  readonly resumed: readonly number[];
  readonly longer: readonly number[];
  readonly same: readonly number[];
  readonly missing: string;
  readonly elsewhere: string;
  readonly progress: number;
  readonly prediction: number;
  readonly log: string;
  readonly deviations: number;
}

describe.runIf(hasChromium)(`in Chromium ${needsChromium}`, () => {
  let folder = "";
  let served: ServedFolder;
  let browser: OpenedBrowser;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "wgsl-browser-"));
    await writeLineTrainer(folder, smallWgslProgram);
    mkdirSync(join(folder, "data"));
    const rows = Array.from({ length: 40 }, (_, i) => `${i / 40},"${(2 * i) / 40 - 1}"\r\n`);
    // Whatever its name, it is packed.
    writeFileSync(join(folder, "data", "line.csv"), gzipSync(`x,y\r\n${rows.join("")}`));
    writeFileSync(join(folder, "use.js"), USE);
    writeFileSync(join(folder, "worker.js"), WORKER);
    writeFileSync(join(folder, "page.js"), PAGE);
    writeFileSync(
      join(folder, "index.html"),
      '<!doctype html><title>Line</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
    );
    served = await serveStrictly(folder);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    served?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("trains, is paused, goes on and keeps its files, in a page and in a worker", async () => {
    const { page, problems } = browser;
    await page.goto(`${served.url}/index.html`);
    for (const where of ["inPage", "inWorker"]) {
      const seen = (await page.evaluate(`window.${where}`)) as Seen;
      expect(seen.error).toBeUndefined();
      expect(seen.device).toMatch(/^webgpu, /);
      expect(seen.rows).toEqual([40]);
      expect(seen.unbroken).toHaveLength(5);
      expect(seen.paused).toBeGreaterThanOrEqual(1);
      expect(seen.resumed).toEqual(seen.unbroken);
      expect(seen.longer).toHaveLength(6);
      expect(seen.same).toEqual(seen.longer);
      expect(seen.progress).toBeGreaterThan(0);
      expect(Number.isFinite(seen.prediction)).toBe(true);
      expect(seen.log.split("\r\n")).toHaveLength(7);
      expect(seen.log).toMatch(/^epoch,loss\r\n0,/);
      expect(seen.missing).toContain("nowhere.safetensors: expected weights or a checkpoint");
      expect(seen.elsewhere).toBe("this trainer was built for webgpu, not for cpu");
      expect(seen.deviations).toBe(0);
    }
    expect(problems).toEqual([]);
  });
});
