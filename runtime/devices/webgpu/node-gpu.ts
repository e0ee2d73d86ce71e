/**
 * WebGPU in Node: Dawn, from the npm package `webgpu`, which is installed beside the trainer by whoever wants it.
 */

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "../../data/data-error.ts";
import { DeviceError } from "../device.ts";
import { type AdapterDescription, describeAdapter, type OpenedGpu } from "./adapter.ts";

export interface NodeGpuOptions {
  readonly powerPreference?: GPUPowerPreference;
  /** Dawn's own options instead of the usual ones, `enable-dawn-features=…`. */
  readonly dawn?: readonly string[];
}

/**
 * Dawn does not show f16 of NVIDIA's processors, as some drivers fail some of its tests. Only models that were built
 * with products of halves ask for it, and the self-test finds a driver that computes them wrongly. And Dawn clears
 * shared memory, which kernels write before they read it: on software adapters that takes most of the time.
 */
const usualOptions = ["enable-dawn-features=vulkan_enable_f16_on_nvidia,disable_workgroup_init"];

/** What is used of the package. */
interface DawnModule {
  readonly create: (options: string[]) => GPU;
}

/**
 * The graphics processor of this machine.
 * @throws DeviceError if the package is missing or no driver offers an adapter; the message says what to install.
 */
export async function openGpu({
  powerPreference = "high-performance",
  dawn = usualOptions,
}: NodeGpuOptions = {}): Promise<OpenedGpu> {
  const gpu = await openDawn(dawn);
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter !== null) return { gpu, adapter };
  throw new DeviceError(
    "no graphics processor was found: install the driver of yours" +
      (process.platform === "linux" ? " and the Vulkan loader (Debian: libvulkan1)" : "") +
      ". For one in software, slow but good for trying things out, name its driver in the environment: " +
      "VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json is the one of Debian's package chromium",
  );
}

/**
 * The best graphics processor of this machine, if it has one that is not software. Asks a process of its own, as
 * drivers print and crash as they like, and only if there are drivers.
 */
export async function findHardwareAdapter(): Promise<AdapterDescription | undefined> {
  const path = findDawn();
  if (path === undefined || !mayHaveDrivers(process.env)) return undefined;
  const text = await runProbe(pathToFileURL(path).href);
  const found = text === undefined ? undefined : readProbe(text);
  return found === undefined || found.software ? undefined : found;
}

/**
 * Dawn must outlive its devices: where it is collected before them, the process crashes. So it stays for as long as
 * the process, which it does not keep from ending (https://issues.chromium.org/issues/387965810).
 */
async function openDawn(options: readonly string[]): Promise<GPU> {
  const key = Symbol.for(`nnc/dawn/${options.join()}`);
  const holder = globalThis as { [key: symbol]: GPU | undefined };
  const opened = holder[key];
  if (opened !== undefined) return opened;
  const { create } = await loadDawn();
  const gpu = create([...options]);
  holder[key] = gpu;
  return gpu;
}

async function loadDawn(): Promise<DawnModule> {
  const path = findDawn();
  if (path === undefined) {
    throw new DeviceError(
      "WebGPU in Node comes with the npm package webgpu: " +
        "install it beside the trainer with `npm install webgpu`",
    );
  }
  try {
    return (await import(pathToFileURL(path).href)) as DawnModule;
  } catch (error) {
    throw new DeviceError(`the npm package webgpu cannot be loaded here: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** The module of the package `webgpu`, found from this file. */
function findDawn(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve("webgpu");
  } catch {
    return undefined;
  }
}

/** On Linux, drivers are listed in files; without any, Vulkan need not be asked. */
function mayHaveDrivers(environment: NodeJS.ProcessEnv): boolean {
  if (process.platform !== "linux") return true;
  const named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"].flatMap((name) =>
    (environment[name] ?? "").split(delimiter),
  );
  const roots = [
    ...(environment.XDG_CONFIG_DIRS ?? "/etc/xdg").split(delimiter),
    ...(environment.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(delimiter),
    "/etc",
    "/usr/local/share",
    "/usr/share",
    join(homedir(), ".local/share"),
  ];
  const listed = roots.map((root) => join(root, "vulkan", "icd.d"));
  return (
    named.some((path) => path !== "" && existsSync(path)) ||
    listed.some((folder) => existsSync(folder) && readdirSync(folder).length > 0)
  );
}

const probeMilliseconds = 10_000;

/** Prints what an adapter tells of itself, or `null`. */
const probe = `
const { create } = await import(process.argv[1]);
const gpu = globalThis.gpu = create([]);
const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
const { vendor, architecture, device, description, isFallbackAdapter } = adapter?.info ?? {};
const told = adapter && { vendor, architecture, device, description, isFallbackAdapter };
process.stdout.write("\\n" + JSON.stringify(told));
`;

/** What the probe printed, if it ended well and in time. */
function runProbe(dawn: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", probe, dawn], {
      stdio: ["ignore", "pipe", "ignore"],
      timeout: probeMilliseconds,
      windowsHide: true,
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    child.on("error", () => resolve(undefined));
    child.on("close", (code) => resolve(code === 0 ? text : undefined));
  });
}

function readProbe(text: string): AdapterDescription | undefined {
  try {
    const info = JSON.parse(text.slice(text.lastIndexOf("\n") + 1)) as GPUAdapterInfo | null;
    return info === null ? undefined : describeAdapter({ info });
  } catch {
    return undefined;
  }
}
