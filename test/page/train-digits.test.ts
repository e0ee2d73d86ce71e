/**
 * The whole way of a user, in a real browser: `digits.nn` is built as a page, trained on all of MNIST in a worker on a
 * software adapter, paused, the page reloaded, and the training resumed from what the browser kept.
 */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { examples, lastJson, nnc, temporaryFolder } from "../end-to-end/nnc.ts";
import {
  hasChromium,
  needsChromium,
  type OpenedBrowser,
  openBrowser,
  takeScreenshot,
} from "./browser.ts";
import { type StaticServer, serveFolder } from "./static-server.ts";
import { stopAtFirstFailure } from "./steps.ts";

const MINUTES = 60_000;

describe.runIf(hasChromium)(`digits.nn as a page ${needsChromium}`, () => {
  const folder = temporaryFolder();
  const model = join(examples, "digits.nn");
  const downloaded = join(folder, "downloaded.safetensors");
  let server: StaticServer;
  let browser: OpenedBrowser;
  let page: Page;
  const status = () => page.locator("#train-status");

  beforeAll(async () => {
    const built = await nnc(["build", model, "--target", "wgsl", "--page", "-o", "page"], {
      cwd: folder,
    });
    expect(built.errors).toBe("");
    expect(built.code).toBe(0);
    server = await serveFolder(join(folder, "page"));
    browser = await openBrowser();
    page = browser.page;
  }, 5 * MINUTES);

  stopAtFirstFailure(async () => {
    const shown = [status(), page.locator("#notices")].map((part) => part.textContent());
    return [...(await Promise.all(shown)), ...browser.problems].join("\n");
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  test("tests the device and is ready, in a worker", async () => {
    await page.goto(server.url);
    await status().filter({ hasText: "Ready to train" }).waitFor();
    expect(await page.title()).toBe("Digits");
    expect(await page.locator("#device").textContent()).toMatch(/self-test passed \(\d+ values\)/);
    expect(page.workers()).toHaveLength(1);
    await takeScreenshot(page, "digits-desktop-ready");
  });

  test(
    "trains on the data beside it, and pauses",
    async () => {
      await page.locator("#setting-epochs").fill("1");
      await page.locator("#setting-learning-rate").fill("0.01");
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await status().filter({ hasText: "Training epoch 1 of 1" }).waitFor();
      await page
        .locator("#figure-batch")
        .filter({ hasText: /^\d{2,} of 469$/ })
        .waitFor();
      expect(await page.locator("#data-files").textContent()).toContain("60,000 rows to train on");

      await drawThree(page);
      await page.locator(".bars li.best").waitFor();
      await page.locator("#figure-rate").filter({ hasText: "/s" }).waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      await status().filter({ hasText: "Paused." }).waitFor();
      expect(await batchesDone(page)).toBeLessThan(469);
      await page
        .locator("#kept")
        .filter({ hasText: "Kept in this browser: epoch 1 of 1" })
        .waitFor();
    },
    5 * MINUTES,
  );

  test("offers the run again after a reload, and resumes it where it was", async () => {
    const before = await batchesDone(page);
    await page.reload();
    await page.getByText("Go on where you were?").waitFor();
    await takeScreenshot(page, "digits-desktop-offer");
    await page.getByRole("button", { name: "Restore it" }).click();
    await status().filter({ hasText: "Paused." }).waitFor();
    expect(await batchesDone(page)).toBe(before);
    await page.getByRole("button", { name: "Resume" }).click();
    await status().filter({ hasText: "Training epoch 1 of 1" }).waitFor();
  });

  test(
    "passes 90 % on the test data",
    async () => {
      await page
        .locator("#test-result")
        .filter({ hasText: "On 10,000 test rows" })
        .waitFor({ timeout: 5 * MINUTES });
      expect(await status().textContent()).toBe("Finished 1 epoch.");
      expect(await testAccuracy(page)).toBeGreaterThan(90);
    },
    6 * MINUTES,
  );

  test("recognises drawn digits", async () => {
    await drawThree(page);
    await page
      .locator("#try-verdict")
      .filter({ hasText: /^3 with/ })
      .waitFor();
    await takeScreenshot(page, "digits-desktop-trained");
    await page.emulateMedia({ colorScheme: "dark" });
    await takeScreenshot(page, "digits-desktop-dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 390, height: 844 });
    await takeScreenshot(page, "digits-phone");
    await page.setViewportSize({ width: 1280, height: 900 });

    await page.getByRole("button", { name: "Clear" }).click();
    expect(await page.locator("#try-verdict").textContent()).toBe("");
    await drawStroke(page, [
      [0.52, 0.2],
      [0.5, 0.5],
      [0.48, 0.8],
    ]);
    await page
      .locator("#try-verdict")
      .filter({ hasText: /^1 with/ })
      .waitFor();

    await page.getByRole("button", { name: "Random sample" }).click();
    await page
      .locator("#try-sample-about")
      .filter({ hasText: /of the test data; it should give: label \d/ })
      .waitFor();
  });

  test(
    "gives a checkpoint that the CPU goes on with, and takes it back",
    async () => {
      const accuracy = await testAccuracy(page);
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download checkpoint" }).click();
      const file = await download;
      expect(file.suggestedFilename()).toBe("digits.checkpoint.safetensors");
      await file.saveAs(downloaded);
      expect(statSync(downloaded).size).toBeGreaterThan(200_000);

      await page.getByRole("button", { name: "Start over…" }).click();
      await page.getByRole("button", { name: "Start over", exact: true }).click();
      await status().filter({ hasText: "Ready to train" }).waitFor();
      await page.locator("#open-checkpoint:enabled").waitFor({ state: "attached" });
      await page.setInputFiles("#open-checkpoint", downloaded);
      await status().filter({ hasText: "Finished 1 epoch." }).waitFor();
      await page.getByRole("button", { name: "Evaluate on the test data" }).click();
      await page.locator("#test-result").filter({ hasText: "On 10,000 test rows" }).waitFor();
      expect(await testAccuracy(page)).toBe(accuracy);

      const options = { cwd: folder };
      const onCpu = await nnc(
        [
          "evaluate",
          model,
          "--target",
          "cpu",
          "--weights",
          downloaded,
          "--block",
          "test",
          "--json",
        ],
        options,
      );
      expect(onCpu.errors).toBe("");
      expect(100 * Number(JSON.parse(onCpu.out).accuracy)).toBeCloseTo(accuracy, 0);
    },
    5 * MINUTES,
  );

  test(
    "goes on with a training begun on the CPU",
    async () => {
      const begun = await nnc(
        [
          "train",
          model,
          "--target",
          "cpu",
          "--epochs",
          "1",
          "--checkpoint",
          "cpu.safetensors",
          "--json",
        ],
        { cwd: folder },
      );
      const result = lastJson(begun);
      await page.locator("#open-checkpoint:enabled").waitFor({ state: "attached" });
      await page.setInputFiles("#open-checkpoint", {
        name: "cpu.safetensors",
        mimeType: "application/octet-stream",
        buffer: readFileSync(join(folder, "cpu.safetensors")),
      });
      await page.locator("#figure-batch").filter({ hasText: "469 of 469" }).waitFor();
      await page.getByRole("button", { name: "Evaluate on the test data" }).click();
      await page.locator("#test-result").filter({ hasText: "On 10,000 test rows" }).waitFor();
      expect(await testAccuracy(page)).toBeCloseTo(100 * result.test.accuracy!, 0);
      await page.locator("#setting-epochs").fill("2");
      await page.getByRole("button", { name: "Train on to epoch 2" }).click();
      await status().filter({ hasText: "Training epoch 2 of 2" }).waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      await status().filter({ hasText: "Paused." }).waitFor();
    },
    5 * MINUTES,
  );

  test("had nothing to complain of, a Content-Security-Policy of 'self' included", () => {
    expect(browser.problems).toEqual([]);
  });
});

async function batchesDone(page: Page): Promise<number> {
  return Number.parseInt((await page.locator("#figure-batch").textContent())!, 10);
}

/** In per cent. */
async function testAccuracy(page: Page): Promise<number> {
  const text = await page.locator("#test-result").textContent();
  return Number(/accuracy ([\d.]+) %/.exec(text ?? "")?.[1]);
}

type Spots = readonly (readonly [x: number, y: number])[];

async function drawThree(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Clear" }).click();
  await drawStroke(page, [
    [0.34, 0.27],
    [0.42, 0.2],
    [0.53, 0.18],
    [0.62, 0.23],
    [0.65, 0.32],
    [0.6, 0.42],
    [0.47, 0.48],
    [0.6, 0.53],
    [0.67, 0.63],
    [0.63, 0.75],
    [0.52, 0.81],
    [0.4, 0.79],
    [0.33, 0.72],
  ]);
}

/** In shares of the canvas. */
async function drawStroke(page: Page, spots: Spots): Promise<void> {
  const canvas = page.locator("#draw-canvas");
  await canvas.scrollIntoViewIfNeeded();
  const box = (await canvas.boundingBox())!;
  const [first, ...rest] = spots.map(
    ([x, y]) => [box.x + x * box.width, box.y + y * box.height] as const,
  );
  await page.mouse.move(first![0], first![1]);
  await page.mouse.down();
  for (const [x, y] of rest) await page.mouse.move(x, y, { steps: 4 });
  await page.mouse.up();
}
