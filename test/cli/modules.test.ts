/** Modules of the bundled program run the same with code that was kept, without it, and with code of something else. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { Modules } from "../../compiler/cli/boot/modules.ts";

const folder = mkdtempSync(join(tmpdir(), "modules-"));
afterAll(() => rmSync(folder, { recursive: true }));

const wrapped = (body: string) =>
  `(function (exports, require, module, moduleUrl, importModule) {"use strict";\n${body}\n})`;
const write = (name: string, body: string) => writeFileSync(join(folder, name), wrapped(body));
interface Sample {
  readonly say: () => string;
  readonly later: () => Promise<string>;
}
const loaded = () => {
  const modules = new Modules(folder);
  return { modules, exports: modules.loadStart() as unknown as Sample };
};

write(
  "start.js",
  `const { basename } = require("node:path");
   const { word } = require("./other.js");
   const once = require("./other.js") === require("./other.js");
   exports.later = async () => (await importModule("node:url")).fileURLToPath(moduleUrl);
   exports.say = () => [word(), once, basename(moduleUrl)].join(" ");`,
);
write("other.js", `module.exports = { word: () => "caf\\u00e9" };`);

it("gives modules each other, Node's own, others, and their URL", async () => {
  const { exports } = loaded();
  expect(exports.say()).toBe("café true start.js");
  expect(await exports.later()).toBe(join(folder, "start.js"));
});

it("takes kept code, unless it is another's or cut off", () => {
  const { modules, exports } = loaded();
  exports.say();
  modules.keepCode();
  const code = readFileSync(join(folder, "other.js.code"));
  expect(code.length).toBeGreaterThan(100);
  expect(loaded().exports.say()).toBe("café true start.js");
  writeFileSync(join(folder, "other.js.code"), code.subarray(0, code.length / 2));
  expect(loaded().exports.say()).toBe("café true start.js");
  write("other.js", `module.exports = { word: () => "another word" };`);
  writeFileSync(join(folder, "other.js.code"), code);
  expect(loaded().exports.say()).toBe("another word true start.js");
});
