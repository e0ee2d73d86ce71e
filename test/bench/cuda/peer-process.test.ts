import { afterEach, expect, test } from "vitest";
import { takeRounds } from "../../../bench/cuda/rounds.ts";
import { failureOf, runCommand } from "../../../bench/cuda/run-command.ts";
import { PeerProcess } from "../../../bench/peer-process.ts";

const peers: PeerProcess[] = [];
afterEach(() => {
  for (const peer of peers.splice(0)) peer.dispose();
});

/** Answers a line with what the expression makes of the command `c`. */
function peer(answer: string): PeerProcess {
  const script = `
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const c = JSON.parse(line);
      const answer = ${answer};
      if (answer) console.log(JSON.stringify(answer));
    });`;
  const started = new PeerProcess({ program: process.execPath, args: ["-e", script] });
  peers.push(started);
  return started;
}

const time = (id: string) => ({ command: "time", id, seconds: 0 }) as const;

test("answers come in the order of the commands", async () => {
  const echo = peer("{ error: c.id }");
  const answers = await Promise.all(["a", "b"].map((id) => echo.request(time(id), 30)));
  expect(answers).toEqual([{ error: "a" }, { error: "b" }]);
});

test("a peer that ends says why", async () => {
  const ending = peer('(console.error("a\\nno device"), process.exit(3))');
  expect(await ending.request(time("a"), 30)).toEqual({ error: "ended with status 3: no device" });
  expect(await ending.request(time("a"), 30)).toEqual({ error: "ended with status 3: no device" });
});

test("a peer that does not answer is ended, and one that is missing does not start", async () => {
  const silent = peer("null");
  expect((await silent.request(time("a"), 0.2)).error).toBe("no answer to time within 0 s");
  expect((await silent.request(time("a"), 30)).error).toBe("no answer to time within 0 s");
  const missing = new PeerProcess({ program: "no-such-program", args: [] });
  expect((await missing.request(time("a"), 30)).error).toContain("ENOENT");
});

test("contenders take turns; one that fails leaves the others their times", async () => {
  const [own, other] = [peer("{ seconds: 1 }"), peer("{ seconds: 3 }")];
  const failing = peer('{ error: "lost" }');
  const contenders = Object.entries({ own, failing, other }).map(([name, process]) => ({
    name,
    process,
    id: "a",
  }));
  const timings = await takeRounds(contenders, { rounds: 3, seconds: 0 });
  expect(timings).toEqual([
    { name: "own", seconds: 1, least: 1, most: 1, ratio: 1 },
    { name: "failing", error: "lost" },
    { name: "other", seconds: 3, least: 3, most: 3, ratio: 3 },
  ]);
});

test("programs are run to their end, or to that of their time", async () => {
  const script = (text: string, seconds: number) =>
    runCommand(process.execPath, ["-e", text], { seconds, input: "given" });
  const echo = await script("process.stdin.pipe(process.stdout)", 30);
  expect(echo).toMatchObject({ status: 0, out: "given" });
  const failed = await script('console.error("no"); process.exit(4)', 30);
  expect(failureOf(failed)).toBe("status 4: no");
  const slow = await script("setTimeout(() => {}, 60000)", 0.3);
  expect(failureOf(slow)).toBe("not done in its time");
  const missing = await runCommand("no-such-program", [], { seconds: 30 });
  expect(failureOf(missing)).toBe("not found");
});
