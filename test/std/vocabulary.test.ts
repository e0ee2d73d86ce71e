/** Every name of Keras' groups is in the library, with Keras' arguments and defaults, or in a list with the reason. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { builtinNames } from "../../compiler/semantics/builtins/index.ts";
import { callbacks } from "../../compiler/semantics/named-arguments.ts";
import { cut, cutLibrary } from "../../compiler/syntax/parser.ts";
import { type KerasName, kerasNames, splitArguments } from "./keras-names.ts";
import { argumentsLeftOut, namesLeftOut, otherDefaults, otherOrders } from "./left-out.ts";
import { libraryNames } from "./library.ts";

/** A default as a value that both languages write: numbers, words, tuples of equal elements as one of them. */
function meaning(text: string | null): string {
  if (text === null) return "required";
  const plain = text.trim().replaceAll(/["']/g, "");
  const words: Readonly<Record<string, string>> = { None: "none", True: "true", False: "false" };
  const list = /^[([](.*)[)\]]$/.exec(plain);
  if (list !== null) {
    const items = splitArguments(list[1]!.replaceAll("[", "(").replaceAll("]", ")")).map((item) =>
      meaning(item.name),
    );
    return new Set(items).size === 1 ? items[0]! : `(${items.join(", ")})`;
  }
  const power = /^([\d.]+) \*\* (\d+)$/.exec(plain);
  if (power !== null) return String(Number(power[1]) ** Number(power[2]));
  const number = Number(plain);
  return Number.isNaN(number) ? (words[plain] ?? plain) : String(number);
}

const library = libraryNames();
const known = new Set([...library.keys(), ...builtinNames, ...Object.keys(callbacks)]);
const keras = kerasNames();
const left = new Set(Object.values(namesLeftOut).flat());

/** Kinds of declarations by group. */
const kindsOf: Readonly<Record<string, readonly string[]>> = {
  layers: ["layer", "derived-layer"],
  losses: ["fn"],
  optimizers: ["optimizer"],
  schedules: ["fn"],
  metrics: ["fn", "metric"],
  initializers: ["fn"],
  activations: ["fn"],
  regularizers: ["fn"],
  constraints: ["fn"],
};

/** Of Keras' names that are classes in two modules, one; the other is told apart by its alias. */
const otherKinds: Readonly<Record<string, string>> = {
  Identity: "of a tensor Keras' layer, of a shape its initializer",
  MultiOptimizer: "a function of a param's path",
  OptimizerMap: "a function of a param's path",
};

/** But for the learning rate, whose default is each one's own. */
const sharedByOptimizers = [
  "learning_rate",
  "weight_decay",
  "clipnorm",
  "clipvalue",
  "global_clipnorm",
  "use_ema",
  "ema_momentum",
  "ema_overwrite_frequency",
  "loss_scale_factor",
  "gradient_accumulation_steps",
];

/** Ways to say the same: Keras takes strings and None where the library has functions. */
const same: Readonly<Record<string, string>> = {
  uniform: "random_uniform",
  Zeros: "zeros",
};

function differences({ name, arguments: wanted }: KerasName): string[] {
  const own = library.get(name);
  if (own === undefined) return [];
  const skipped = new Set([...argumentsLeftOut.everywhere, ...(argumentsLeftOut.of[name] ?? [])]);
  return wanted.flatMap((argument) => {
    if (skipped.has(argument.name)) return [];
    const found = own.arguments.find((other) => other.name === argument.name);
    if (found === undefined) return [`${name}(${argument.name})`];
    const [a, b] = [meaning(argument.default), meaning(found.default)];
    const isSame = a === b || same[a] === b || (a === "none" && b === "linear");
    const isKnown = otherDefaults[`${name}.${argument.name}`] !== undefined;
    return isSame || isKnown ? [] : [`${name}(${argument.name} = ${a}), here ${b}`];
  });
}

describe("Keras' names", () => {
  test("are in the library, or left out for a reason", () => {
    const missing = keras.flatMap(({ group, all }) =>
      all.flatMap((name) => (known.has(name) || left.has(name) ? [] : [`${group}: ${name}`])),
    );
    expect(missing).toEqual([]);
  });

  test("are not left out where they are there", () => {
    const names = new Set(keras.flatMap(({ all }) => all));
    expect([...left].filter((name) => known.has(name) || !names.has(name))).toEqual([]);
  });

  test("take Keras' arguments, at Keras' defaults", () => {
    expect(keras.flatMap(differences)).toEqual([]);
  });

  test("are what their group says", () => {
    const wrong = keras.flatMap(({ group, all }) => {
      const kinds = kindsOf[group.split(":")[0]!] ?? [];
      return all.flatMap((name) => {
        const kind = library.get(name)?.kind;
        const isRight =
          kind === undefined || kinds.includes(kind) || otherKinds[name] !== undefined;
        return isRight || /functions/i.test(group) ? [] : [`${group}: ${name} is a ${kind}`];
      });
    });
    expect(wrong).toEqual([]);
  });

  test("of optimizers take what all of them share", () => {
    const missing = keras
      .filter(({ group }) => group === "optimizers: Algorithms")
      .flatMap(({ name }) => {
        const own = library.get(name)!.arguments.map((argument) => argument.name);
        return sharedByOptimizers.flatMap((shared) =>
          own.includes(shared) ? [] : [`${name}(${shared})`],
        );
      });
    expect(missing).toEqual([]);
  });

  test("take them in Keras' order", () => {
    const disordered = keras.flatMap(({ name, arguments: wanted }) => {
      const own = (library.get(name)?.arguments ?? []).map((argument) => argument.name);
      const shared = wanted
        .map((argument) => argument.name)
        .filter((argument) => own.includes(argument) && argument !== "seed");
      const order = own.filter((argument) => shared.includes(argument));
      const isRight = String(order) === String(shared) || otherOrders[name] !== undefined;
      return isRight ? [] : [`${name}: ${order.join(", ")}`];
    });
    expect(disordered).toEqual([]);
  });
});

const folder = join(import.meta.dirname, "../../compiler/std");

test.each(readdirSync(folder).filter((name) => name.endsWith(".nn")))(
  "declarations of %s are found without reading the others",
  (name) => {
    const file = { name, text: readFileSync(join(folder, name), "utf8") };
    const sink = new DiagnosticSink();
    const read = (declarations: ReturnType<typeof cut>) =>
      declarations.map((declaration) => [declaration.name, declaration.read()]);
    expect(read(cutLibrary(file, sink))).toEqual(read(cut(file, sink)));
    expect(sink.sorted()).toEqual([]);
  },
);
