/**
 * Chromium for tests of the page, with WebGPU in software. It reaches nothing but this computer. Tests are skipped where
 * no Chromium is found, except in continuous integration, where that is a mistake.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { keptFolder } from "../temporary-files.ts";

const CANDIDATES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** `NNC_CHROMIUM` names another one. */
const chromiumPath = process.env.NNC_CHROMIUM ?? CANDIDATES.find((path) => existsSync(path));

/** Whether to run tests that need a browser: where there is none, continuous integration fails in them. */
export const hasChromium = chromiumPath !== undefined || process.env.CI !== undefined;

/** Ends the name of a test, so that a skipped one says why. */
export const needsChromium = "(needs Chromium, or its path in NNC_CHROMIUM)";

export interface OpenedBrowser {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What pages and workers logged as an error, or threw, since the start. */
  readonly problems: readonly string[];
  readonly close: () => Promise<void>;
}

export interface BrowserOptions {
  /** Without it, WebGPU is there but has no adapter. */
  readonly webgpu?: boolean;
}

const ARGUMENTS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // `insecure.test` is this computer under a name that browsers do not trust.
  "--host-resolver-rules=MAP insecure.test 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

export async function openBrowser({ webgpu = true }: BrowserOptions = {}): Promise<OpenedBrowser> {
  if (chromiumPath === undefined)
    throw new Error("no Chromium was found: install it, or set NNC_CHROMIUM");
  const profile = mkdtempSync(join(tmpdir(), "nnc-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    viewport: { width: 1280, height: 900 },
    args: [...ARGUMENTS, ...(webgpu ? ["--enable-unsafe-webgpu"] : [])],
    timeout: 120_000,
  });
  // Generous: software computes, on machines that have other work.
  context.setDefaultTimeout(60_000);
  const problems: string[] = [];
  const page = context.pages()[0] ?? (await context.newPage());
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(error.stack ?? error.message));
  return {
    context,
    page,
    problems,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Where screenshots go: `NNC_SCREENSHOTS`, which continuous integration keeps, or the system's folder for such. */
export async function takeScreenshot(page: Page, name: string): Promise<string> {
  const folder = process.env.NNC_SCREENSHOTS ?? keptFolder("nnc-screenshots");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path, fullPage: true });
  return path;
}

/** Which element has the focus, after as many steps with the tab key as it takes. */
export async function tabTo(page: Page, id: string): Promise<void> {
  for (let step = 0; step < 80; step++) {
    const focused = await page.evaluate(() => document.activeElement?.id);
    if (focused === id) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`#${id} cannot be reached with the tab key`);
}
