/** Files over HTTP, with progress; what can go wrong is told apart as far as browsers let us. */

import type { Problem } from "../protocol.ts";
import { PageError } from "./problems.ts";

export interface Download {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

type OnProgress = (loaded: number, total: number | null) => void;

/** @throws PageError if it cannot be had. */
export async function fetchFile(
  address: string,
  onProgress: OnProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  const url = parseAddress(address);
  const blocked = watchPolicy(url);
  try {
    const response = await fetch(url, { credentials: "same-origin" });
    if (!response.ok) throw new PageError(badStatus(url, response));
    return await readBody(response, onProgress);
  } catch (error) {
    if (error instanceof PageError) throw error;
    // The report of a violation may come a moment after the failure.
    await new Promise((resolve) => setTimeout(resolve));
    throw new PageError(blocked.found() ? policyForbids(url) : unreachable(url, error));
  } finally {
    blocked.stop();
  }
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address, self.location.href)
    ? new URL(address, self.location.href)
    : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new PageError({
    title: "That is not an address of a file",
    detail: `“${address}” is not a URL that begins with https:// or http://.`,
    advice: "Copy the address of the file itself, as a download link has it.",
  });
}

async function readBody(
  response: Response,
  onProgress: OnProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array(await response.arrayBuffer());
  // A server that compresses on the way tells the compressed length.
  const encoded = response.headers.has("content-encoding");
  const length = Number(response.headers.get("content-length"));
  const total = encoded || !(length > 0) ? null : length;
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value);
    loaded += next.value.length;
    onProgress(loaded, total);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Whether this page's own Content-Security-Policy stops the request. */
function watchPolicy(url: URL): { readonly found: () => boolean; readonly stop: () => void } {
  let found = false;
  const listener = (event: Event) => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    found ||= blockedURI === url.origin || blockedURI.startsWith(url.href.split("#")[0]!);
  };
  self.addEventListener("securitypolicyviolation", listener);
  return {
    found: () => found,
    stop: () => self.removeEventListener("securitypolicyviolation", listener),
  };
}

function badStatus(url: URL, { status, statusText }: Response): Problem {
  const answer = `${status}${statusText === "" ? "" : ` ${statusText}`}`;
  return {
    title: status === 404 ? "There is no such file on the server" : "The server refused the file",
    detail: `${url.host} answered ${answer} for ${url.pathname}.`,
    advice: "Check the address, or download the file and drop it on this page.",
  };
}

function policyForbids({ host }: URL): Problem {
  return {
    title: `This page may not load from ${host}`,
    detail:
      "The server of this page forbids it to reach other hosts (its Content-Security-Policy).",
    advice:
      "Download the file with your browser and drop it here. Whoever runs the server can allow the host with connect-src.",
  };
}

function unreachable(url: URL, error: unknown): Problem {
  if (url.origin === self.location.origin) {
    return {
      title: "The file could not be loaded",
      detail: `${url.pathname}: ${error instanceof Error ? error.message : String(error)}.`,
      advice: "Check that the server of this page still runs, then try again.",
    };
  }
  const mixed = self.location.protocol === "https:" && url.protocol === "http:";
  return {
    title: `${url.host} did not give the file to this page`,
    detail: mixed
      ? "A page that came over HTTPS may not load from an address with http://."
      : "Either the host cannot be reached, or it does not let pages of other sites read its files: browsers ask for the header Access-Control-Allow-Origin (CORS), and do not tell which it was.",
    advice:
      "Open the address in a new tab to download the file, then drop it here; or put it beside this page on the same server.",
  };
}
