/** The page in a real browser, on a model so small that training takes seconds: keyboard, phone, files, mistakes. */

import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nnc, temporaryFolder } from "../end-to-end/nnc.ts";
import {
  hasChromium,
  needsChromium,
  type OpenedBrowser,
  openBrowser,
  tabTo,
  takeScreenshot,
} from "./browser.ts";
import { type StaticServer, serveFolder } from "./static-server.ts";
import { stripes, writeStripes } from "./stripes.ts";

const MINUTES = 60_000;

describe.runIf(hasChromium)(`a page ${needsChromium}`, () => {
  const folder = temporaryFolder();
  const built = join(folder, "page");
  const servers: StaticServer[] = [];
  let browser: OpenedBrowser;
  let page: Page;

  beforeAll(async () => {
    const model = writeStripes(folder);
    const outcome = await nnc(["build", model, "--target", "wgsl", "--page", "-o", built], {
      cwd: folder,
    });
    expect(outcome.errors).toBe("");
    expect(outcome.out).toContain("nnc serve-page");
    browser = await openBrowser();
    page = browser.page;
  }, 5 * MINUTES);

  afterAll(async () => {
    await browser?.close();
    for (const server of servers) await server.close();
  });

  /** The page of a server of its own, so that nothing of an earlier test is kept for it. */
  const open = async (from = built, headers?: Record<string, string>): Promise<void> => {
    const server = await serveFolder(from, headers === undefined ? {} : { headers });
    servers.push(server);
    await page.goto(server.url);
    await page.locator("#train-status").filter({ hasText: "Ready to train" }).waitFor();
    await page.locator("#train-start[aria-disabled=false]").waitFor();
  };
  const said = (text: string | RegExp) =>
    page.locator("#notices .notice").filter({ hasText: text });
  const finished = async () => {
    try {
      await page.locator("#train-status").filter({ hasText: "Finished" }).waitFor();
    } catch (cause) {
      const shown = await page.locator("#train-status, #notices").allTextContents();
      throw new Error(`${shown.join(" / ")}; logged: ${browser.problems.join(", ")}`, { cause });
    }
  };

  test(
    "trains, validates, and evaluates by keyboard alone",
    async () => {
      await open();
      await tabTo(page, "train-start");
      expect(await hasVisibleFocus(page)).toBe(true);
      await page.keyboard.press("Enter");
      await finished();
      await page
        .locator("#test-result")
        .filter({ hasText: /On 60 test rows: .*accuracy/ })
        .waitFor();
      // The button that was pressed still has the focus.
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("train-start");
      expect(await page.locator("#charts .chart").count()).toBe(2);
      expect(await page.locator("#charts .plot canvas").count()).toBe(2);
      expect(await page.locator("#charts .plot").first().getAttribute("aria-label")).toMatch(
        /loss over epochs; .* of training is [\d.]+, of validation [\d.]+/,
      );
      expect(await page.locator("#epochs-table tbody tr").count()).toBe(4);

      await tabTo(page, "try-sample");
      await page.keyboard.press("Space");
      await page.locator("#try-sample-about").filter({ hasText: "of the test data" }).waitFor();
      await page
        .locator("#try-verdict")
        .filter({ hasText: /^[012] with/ })
        .waitFor();
      for (const id of [
        "setting-epochs",
        "draw-clear",
        "draw-file",
        "data-choose",
        "save-checkpoint",
        "open-checkpoint",
      ]) {
        await tabTo(page, id);
        expect(await hasVisibleFocus(page), id).toBe(true);
      }
      await takeScreenshot(page, "stripes-desktop");
    },
    3 * MINUTES,
  );

  test("starts over, after a question that the keyboard can answer", async () => {
    await tabTo(page, "train-reset");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator("#train-status").textContent()).toBe("Finished 4 epochs.");
    await page.keyboard.press("Enter");
    await dialog.getByRole("button", { name: "Start over" }).press("Enter");
    await page.locator("#train-status").filter({ hasText: "Ready" }).waitFor();
    expect(await page.locator("#charts .plot").first().textContent()).toContain("appears here");
  });

  test("names everything that can be operated", async () => {
    const nameless = await page.evaluate(() =>
      [
        ...document.querySelectorAll<HTMLInputElement>(
          "button, input, select, canvas, summary, section",
        ),
      ]
        .filter((element) => {
          const named =
            element.ariaLabel ||
            element.getAttribute("aria-labelledby") ||
            element.textContent?.trim();
          return !named && !(element.labels && element.labels.length > 0);
        })
        .map(({ id, tagName }) => `${tagName}#${id}`),
    );
    expect(nameless.filter((name) => name !== "CANVAS#try-seen-canvas")).toEqual([]);
  });

  test.each([360, 390, 768])("fits a screen of %i px, with targets for fingers", async (width) => {
    await page.setViewportSize({ width, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    const small = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("button, .button, input, select, summary, .check")]
        .filter(
          (element) =>
            element.offsetParent !== null &&
            !element.matches(".hidden-input, .check input, dialog *"),
        )
        .filter((element) => element.getBoundingClientRect().height < 44)
        .map((element) => `${element.tagName}#${element.id}`),
    );
    expect(small).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test(
    "goes on training after the last epoch, with a batch size that its kernels allow",
    async () => {
      await page.locator("#setting-batch-size").fill("17");
      await page.locator("#setting-batch-size").press("Enter");
      await page.locator("#settings-note").filter({ hasText: "from 1 to 16" }).waitFor();
      await page.getByRole("button", { name: "Train", exact: true }).click();
      expect(await page.locator("#train-status").textContent()).toBe("Ready to train.");
      await page.locator("#setting-batch-size").fill("12");
      await page.locator("#setting-epochs").fill("1");
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await finished();
      expect(await page.locator("#figure-batch").textContent()).toBe("15 of 15");
      await page.getByRole("button", { name: "Train 1 more" }).click();
      await page.locator("#train-status").filter({ hasText: "Finished 2 epochs." }).waitFor();
      expect(await page.locator("#epochs-table tbody tr").count()).toBe(2);
    },
    3 * MINUTES,
  );

  test(
    "takes files that are dropped on it, and says what is wrong with one",
    async () => {
      const bare = join(folder, "bare");
      cpSync(built, bare, { recursive: true });
      rmSync(join(bare, "data"), { recursive: true });
      const manifest = readFileSync(join(bare, "page.json"), "utf8");
      expect(JSON.parse(manifest).files).toHaveLength(4);
      await open(bare);
      // The manifest speaks of files that the server has lost.
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await said("There is no such file on the server").waitFor();

      await drop(page, "train-labels.idx", stripes(7).labels.slice(0, 10));
      await page.locator("#data-files").filter({ hasText: "cannot be used" }).waitFor();
      await drop(page, "unheard-of.csv", new Uint8Array(3));
      await said("The model reads no file of that name").waitFor();
      // Not packed, which counts for nothing.
      await drop(page, "TRAIN-pictures.idx", stripes(90).pictures);
      await drop(page, "train-labels.idx", stripes(60).labels);
      await page.locator("#data-files").filter({ hasText: "60 rows to train on" }).waitFor();
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await said(/90 rows.*60/).waitFor();
      await takeScreenshot(page, "stripes-desktop-errors");
      await drop(page, "train-labels.idx", stripes(90).labels);
      await page
        .locator("#data-files")
        .filter({ hasText: /90 rows.*90 rows/ })
        .waitFor();
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await finished();
      const expected = browser.problems.filter((text) => !text.includes("404"));
      expect(expected).toEqual([]);
    },
    3 * MINUTES,
  );

  test(
    "loads files by their URL, and explains CORS and policies",
    async () => {
      const data = join(folder, "pictures");
      const closed = await serveFolder(data, { path: "/", headers: {} });
      const shared = await serveFolder(data, {
        path: "/",
        headers: { "access-control-allow-origin": "*" },
      });
      servers.push(closed, shared);
      const load = async (url: string) => {
        await page.locator("#data-address").fill(url);
        await page.locator("#data-as").selectOption({ label: "train-labels.idx" });
        await page.locator("#data-url").getByRole("button", { name: "Load" }).click();
      };
      const file = (server: StaticServer) => `http://127.0.0.1:${server.port}/train-labels.idx`;
      const state = (text: string) =>
        page.locator("#data-files").filter({ hasText: text }).waitFor();

      await open();
      await page.getByText("Load from a URL").click();
      await load(file(shared));
      await state("This page may not load from");
      await open(built, {
        "content-security-policy": "default-src 'self'; connect-src 'self' http:",
      });
      await page.getByText("Load from a URL").click();
      await load(file(closed));
      await state("Access-Control-Allow-Origin");
      await load(`${file(shared)}.nothing`);
      await state("There is no such file on the server");
      await load("stripes");
      await load(file(shared));
      await state(`240 rows to train on, from ${file(shared)}`);
    },
    3 * MINUTES,
  );

  test(
    "pauses when the loss is no number any more, and keeps what was good",
    async () => {
      await open();
      await page.locator("#setting-epochs").fill("1");
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await finished();
      await page.locator("#kept").filter({ hasText: "1 of 1 epochs done" }).waitFor();
      await page.locator("#setting-learning-rate").fill("1e38");
      await page.locator("#setting-epochs").fill("9");
      await page.getByRole("button", { name: "Train on to epoch 9" }).click();
      await said("The loss is no number any more").waitFor();
      await page.locator("#train-status").filter({ hasText: "Paused" }).waitFor();
      expect(await page.locator("#kept").textContent()).toContain("1 of 1 epochs done");
      await page.getByRole("button", { name: "Go back to it" }).click();
      await page.locator("#figure-epoch").filter({ hasText: "1 of 1" }).waitFor();
    },
    3 * MINUTES,
  );

  test(
    "goes on from what it kept, on a new device, where the device is lost",
    async () => {
      await open();
      await page.locator("#setting-epochs").fill("5000");
      await page.getByRole("button", { name: "Train", exact: true }).click();
      await page
        .locator("#figure-epoch")
        .filter({ hasText: /^\d\d+ of/ })
        .waitFor();
      const before = await epochUnderWay(page);
      const devtools = await browser.context.newCDPSession(page);
      await devtools.send("Browser.crashGpuProcess");
      await said("Training goes on with a new device").waitFor();
      await page.locator("#train-status").filter({ hasText: "Training epoch" }).waitFor();
      await expect
        .poll(() => epochUnderWay(page), { timeout: 60_000 })
        .toBeGreaterThan(before + 20);
      await page.getByRole("button", { name: "Pause" }).click();
      await page.locator("#train-status").filter({ hasText: "Paused." }).waitFor();
    },
    3 * MINUTES,
  );

  test("takes no file that is no checkpoint, nor one of another model", async () => {
    const give = (buffer: Buffer) =>
      page.setInputFiles("#open-checkpoint", { name: "some.safetensors", mimeType: "", buffer });
    await give(Buffer.from("neither weights nor a checkpoint"));
    await said("The file is no safetensors file").waitFor();
    const head = JSON.stringify({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4] } });
    const other = Buffer.alloc(8 + head.length + 4);
    other.writeBigUInt64LE(BigInt(head.length));
    other.write(head, 8);
    await give(other);
    await said(/some\.safetensors cannot be used.*belongs to another model/).waitFor();
  });
});

describe.runIf(hasChromium)(`a browser that cannot train ${needsChromium}`, () => {
  const folder = temporaryFolder();
  let server: StaticServer;
  beforeAll(async () => {
    const model = writeStripes(folder);
    await nnc(["build", model, "--target", "wgsl", "--page", "-o", "page"], { cwd: folder });
    server = await serveFolder(join(folder, "page"));
  }, 5 * MINUTES);
  afterAll(() => server?.close());

  test(
    "is told so: no adapter, no WebGPU, no secure context",
    async () => {
      const browser = await openBrowser({ webgpu: false });
      try {
        const { page } = browser;
        const alert = (text: string) => page.getByRole("alert").filter({ hasText: text }).waitFor();
        await page.goto(server.url);
        await alert("No graphics processor was found");
        await page.getByRole("button", { name: "Try again" }).click();
        await alert("chrome://gpu");
        expect(await page.locator("#layers-table").textContent()).toContain("dense_1");
        await page.goto(server.url.replace("127.0.0.1", "insecure.test"));
        await alert("nnc serve-page");
        await page.addInitScript("delete Navigator.prototype.gpu");
        await page.goto(server.url);
        await alert("This browser has no WebGPU");
        await takeScreenshot(page, "stripes-no-webgpu");
        expect(browser.problems).toEqual([]);
      } finally {
        await browser.close();
      }
    },
    3 * MINUTES,
  );
});

async function epochUnderWay(page: Page): Promise<number> {
  return Number.parseInt((await page.locator("#figure-epoch").textContent())!, 10);
}

/** A keyboard user sees where they are: the element, or the label that stands for it. */
function hasVisibleFocus(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const focused = document.activeElement!;
    const shown = focused.matches(".hidden-input") ? focused.previousElementSibling! : focused;
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    return outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2;
  });
}

async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([file, values]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(values)], file));
      return data;
    },
    [name, [...bytes]] as const,
  );
  await page.locator("#data-drop").dispatchEvent("drop", { dataTransfer: transfer });
}
