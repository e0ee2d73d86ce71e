/** Whether this browser can train, and what to do where it cannot. */

import type { Problem } from "./protocol.ts";

/** What counts of `window`: tests give others. */
export interface BrowserFacts {
  readonly isSecureContext: boolean;
  readonly hasGpu: boolean;
  readonly hasModuleWorkers: boolean;
  readonly userAgent: string;
  readonly address: string;
}

export function browserFacts(): BrowserFacts {
  return {
    isSecureContext: window.isSecureContext,
    hasGpu: "gpu" in navigator,
    hasModuleWorkers: "Worker" in window,
    userAgent: navigator.userAgent,
    address: window.location.origin,
  };
}

/** Undefined if there is a chance; whether there is an adapter shows only when one is asked for. */
export function findObstacle(facts: BrowserFacts): Problem | undefined {
  if (!facts.isSecureContext) {
    return {
      title: "The browser gives WebGPU to secure pages only",
      detail: `This page came from ${facts.address}, which is neither HTTPS nor this computer itself.`,
      advice:
        "Open it over https://, or from this computer with `nnc serve-page` and the name of the folder, which serves it at http://127.0.0.1.",
    };
  }
  if (!facts.hasGpu || !facts.hasModuleWorkers) {
    return {
      title: "This browser has no WebGPU",
      detail:
        "The network is trained by the graphics processor, and the browser does not offer it.",
      advice: browserAdvice(facts.userAgent),
    };
  }
  return undefined;
}

/** Where a browser has WebGPU but finds no graphics processor for it. */
export function noAdapter(userAgent: string): Problem {
  const chromium = /Chrome|Chromium|Edg/.test(userAgent);
  return {
    title: "No graphics processor was found",
    detail:
      "The browser knows WebGPU, but it has no adapter to offer: the driver may be missing, old, or blocked.",
    advice: chromium
      ? "Update the graphics driver and turn on hardware acceleration in the browser's settings; chrome://gpu says what is blocked. On Linux, chrome://flags/#enable-unsafe-webgpu may help."
      : "Update the graphics driver and the browser, and turn on hardware acceleration in its settings; about:support says what is blocked. Or try Chrome or Edge.",
  };
}

function browserAdvice(userAgent: string): string {
  if (/Firefox\//.test(userAgent)) {
    return "Update Firefox: it has WebGPU from version 141 on Windows and 145 on macOS. Elsewhere, set dom.webgpu.enabled in about:config, or use Chrome or Edge.";
  }
  if (/iPhone|iPad/.test(userAgent)) {
    return "Update to iOS or iPadOS 26, where Safari and all other browsers have WebGPU.";
  }
  if (/Safari\//.test(userAgent) && !/Chrome|Chromium/.test(userAgent)) {
    return "Update to Safari 26, or use Chrome or Edge.";
  }
  if (/Android/.test(userAgent)) return "Use Chrome 121 or newer on Android 12 or newer.";
  return "Use a current Chrome or Edge (113 or newer; on Linux with a supported driver), Safari 26, or Firefox 145.";
}
