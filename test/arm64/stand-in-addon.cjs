/**
 * Stands in for the native addon where kernels are those of an ARM processor: QEMU runs a process for every library, which
 * gets the arenas and gives them back. As the addon is a file that CpuDevice loads, this is one, too. With two threads
 * tasks run in reverse, as nothing may depend on their order.
 */

const { spawn } = require("node:child_process");
const { emulator, runner } = JSON.parse(process.env.NNC_ARM64_STAND_IN);

/** Ends when its standard input does, at the latest with this process. */
class Runner {
  #child;
  #received = [];
  #receivedBytes = 0;
  #errors = "";
  #wanted = null;
  /** One request after the other. */
  #last = Promise.resolve();

  constructor(library) {
    const [command, ...options] = emulator;
    this.#child = spawn(command, [...options, runner, library]);
    this.#child.stdout.on("data", (chunk) => {
      this.#received.push(chunk);
      this.#receivedBytes += chunk.length;
      this.#deliver();
    });
    this.#child.stderr.on("data", (chunk) => {
      this.#errors += chunk;
    });
    this.#child.stdin.on("error", () => {});
    this.#child.on("error", (error) => this.#fail(error.message));
    this.#child.on("close", (status) => this.#fail(`ended with ${status}: ${this.#errors}`));
  }

  request(input, bytes) {
    const answer = this.#last.then(
      () =>
        new Promise((resolve, reject) => {
          this.#wanted = { bytes, resolve, reject };
          if (this.#child.exitCode !== null) this.#fail(`has ended: ${this.#errors}`);
          else this.#child.stdin.write(input);
        }),
    );
    this.#last = answer.catch(() => {});
    return answer;
  }

  end() {
    this.#child.stdin.end();
  }

  #deliver() {
    if (this.#wanted === null || this.#receivedBytes < this.#wanted.bytes) return;
    const { resolve } = this.#wanted;
    this.#wanted = null;
    resolve(Buffer.concat(this.#received.splice(0)));
    this.#receivedBytes = 0;
  }

  #fail(why) {
    this.#wanted?.reject(new Error(`the emulated process ${why}`));
    this.#wanted = null;
  }
}

/** Of the library opened last: programs of one library are run before those of another. */
let open = null;

class Library {
  constructor(path) {
    if (open?.path !== path) {
      open?.runner.end();
      open = { path, runner: new Runner(path) };
    }
    this.runner = open.runner;
  }

  has() {
    return true;
  }
}

class Session {
  #runner;
  #options;
  #columns;

  constructor(library, options) {
    this.#runner = library.runner;
    this.#options = options;
    this.#columns = Array.from({ length: options.columns }, () => new Uint8Array(0));
    this.persistent = new ArrayBuffer(options.persistentBytes);
    this.results = new ArrayBuffer(options.resultsBytes);
  }

  bindColumn(slot, data) {
    this.#columns[slot] = bytesOf(data);
  }

  async run({ symbol, rows, batchSize, scalars, scalarsPerStep, seed, firstBatch }) {
    const { persistentBytes, temporariesBytes, resultsBytes, threads } = this.#options;
    const input = Buffer.concat([
      words(symbol.length, persistentBytes, temporariesBytes, resultsBytes, this.#columns.length),
      words(rows.length, batchSize, scalars.length, scalarsPerStep, threads === 1 ? 0 : 1),
      words(seed, firstBatch),
      words(...this.#columns.map(({ byteLength }) => byteLength)),
      Buffer.from(symbol),
      new Uint8Array(this.persistent),
      ...this.#columns,
      bytesOf(rows),
      bytesOf(scalars),
    ]);
    const output = await this.#runner.request(input, persistentBytes + resultsBytes);
    new Uint8Array(this.persistent).set(output.subarray(0, persistentBytes));
    new Uint8Array(this.results).set(output.subarray(persistentBytes));
  }

  dispose() {}
}

const words = (...numbers) => bytesOf(Uint32Array.from(numbers));

function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

module.exports = { Library, Session, cpuFeatures: () => [] };
