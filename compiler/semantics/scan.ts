/**
 * Loops with carried values: the body is run once, with the loop's variable and its carries as unknowns, and becomes
 * the body of one `scan` of the graph. Every tensor that the body names is stacked, for what follows may ask for it;
 * `pruneLoops` drops what nothing did.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { offsetAffine, scaleAffine, stepAffine } from "../graph/affine.ts";
import { printShape, type Shape, sameShape } from "../graph/extent.ts";
import type { Carry, Value as GraphValue, Stack } from "../graph/node.ts";
import { splitLoop } from "../graph/split-loop.ts";
import type { Expression, Identifier, ScanStatement } from "../syntax/ast.ts";
import { affineElement } from "./axis-values.ts";
import { convertTensor } from "./conversions.ts";
import { widensTo } from "./dtypes.ts";
import { evaluate } from "./evaluate.ts";
import { loopNameOf } from "./scan-names.ts";
import { type Binding, Scope } from "./scope.ts";
import { type Environment, type LoopFrame, report } from "./session.ts";
import { namesBoundBy, nextName, patternNames, statementsInScope } from "./statement-parts.ts";
import { bindPattern, runBody, withOrigin } from "./statements.ts";
import { convertItems, describeItems, mapTensors, matchItems, tensorsOf } from "./tensor-lists.ts";
import { broadcastTo } from "./tensors/layout.ts";
import { scalarTensor } from "./tensors/scalar-tensor.ts";
import { asExtent, describe, errorValue, tensorValue, type Value } from "./values.ts";

/** A name that the loop carries: a tensor, or tensors in lists. */
interface CarriedName {
  readonly name: Identifier;
  /** Its first value, all numbers made tensors. */
  readonly init: Value;
  /** In the body. */
  readonly value: Value;
  /** The tensors of `init` and `value`, in order. */
  readonly carries: readonly Omit<Carry, "next">[];
}

export function runScan(statement: ScanStatement, env: Environment): void {
  const done = new LoopLowering(statement, env).run();
  if (done) return;
  // What was reported is not reported again wherever the loop's names are read.
  for (const { name, span } of patternNames(statement.pattern)) {
    env.scope.set(name, { value: errorValue, span });
  }
  for (const { name } of statementsInScope(statement.body).flatMap(namesBoundBy)) {
    env.scope.setLoopName(name, { all: errorValue, last: () => errorValue });
  }
  for (const { name } of patternNames(statement.pattern)) {
    env.scope.setLoopName(name, { all: errorValue, last: () => errorValue });
  }
}

class LoopLowering {
  readonly #statement: ScanStatement;
  readonly #env: Environment;
  readonly #loop: number;
  #carries = 0;

  constructor(statement: ScanStatement, env: Environment) {
    this.#statement = statement;
    this.#env = env;
    this.#loop = env.session.context.newLoop();
  }

  /** False after an error. */
  run(): boolean {
    const { pattern, from, step, header } = this.#statement;
    const env = this.#env;
    const isSound = this.#checkBody();
    const length = this.#length();
    const every = this.#segment();
    const first = withOrigin(env, from.span, "scan", () => evaluate(from, env));
    const given = new Scope();
    bindPattern(pattern, first, { ...env, scope: given }, true);
    const carried = patternNames(pattern).map((name) => this.#carry(name, given.get(name.name)!));
    if (!isSound || length === undefined || every === undefined) return false;
    if (!carried.every((name) => name !== undefined)) return false;

    const frame = this.#frame(length);
    const scope = new Scope(env.scope);
    const variable = affineElement(env.session.context, frame.place);
    scope.set(step.name, { value: variable, span: step.span });
    for (const { name, value } of carried) scope.set(name.name, { value, span: name.span });
    const inner: Environment = { ...env, scope, loops: [...env.loops, frame] };
    const isCutShort = runBody(this.#statement.body, inner) !== null;
    const nexts = carried.map((name) => this.#next(name, scope, isCutShort));
    if (!nexts.every((next) => next !== undefined)) return false;

    const names = new LoopValues(inner, frame, scope, carried, nexts);
    const scan = withOrigin(env, header, "scan", () =>
      env.session.context.scan({
        loop: this.#loop,
        length,
        carries: names.carries,
        stacks: names.stacks,
      }),
    );
    const { context } = env.session;
    names.bind(every === null ? scan.values : splitLoop(context, scan, every), env);
    return true;
  }

  #frame(length: number): LoopFrame {
    const step = stepAffine(this.#loop, length);
    const { isReversed } = this.#statement;
    const place = isReversed ? offsetAffine(scaleAffine(step, -1), length - 1) : step;
    return { place, length };
  }

  /** What may not stand in a loop, and nexts of what it does not carry. */
  #checkBody(): boolean {
    const { pattern, body } = this.#statement;
    const carried = new Set(patternNames(pattern).map(({ name }) => nextName(name)));
    let isSound = true;
    for (const statement of statementsInScope(body)) {
      const { kind } = statement;
      if (kind === "return" || kind === "input" || kind === "output") {
        const values = { statement: kind, places: "the body around the loop", instead: undefined };
        report(this.#env, diagnostics.misplacedStatement(statement.span, values));
        isSound = false;
      }
      for (const { name, span } of namesBoundBy(statement)) {
        if (!name.endsWith("'") || carried.has(name)) continue;
        const known = [...carried].map((next) => `\`${next}\``).join(", ");
        report(this.#env, diagnostics.nextWithoutCarry(span, { name, known }));
        isSound = false;
      }
    }
    return isSound;
  }

  #length(): number | undefined {
    return this.#positive(this.#statement.length, "the number of steps of a loop");
  }

  /** The steps of a segment; null where all are kept. */
  #segment(): number | null | undefined {
    const { checkpoint } = this.#statement;
    return checkpoint === null ? null : this.#positive(checkpoint, "the number after `every`");
  }

  #positive(expression: Expression, what: string): number | undefined {
    const value = evaluate(expression, { ...this.#env, floors: true });
    if (value.kind === "int" && value.value >= 1) return value.value;
    if (value.kind === "error") return undefined;
    const found = asExtent(value)?.batch ? "a size that depends on N" : describe(value);
    report(this.#env, diagnostics.loopLength(expression.span, { what, found }));
    return undefined;
  }

  #carry(name: Identifier, { value: given }: Binding): CarriedName | undefined {
    const { from } = this.#statement;
    const { context } = this.#env.session;
    const init = convertItems(given, (item) => scalarTensor(this.#env, item, "i32"));
    if (init === undefined) {
      if (given.kind !== "error") {
        const what = `the first value of \`${name.name}\``;
        const values = { what, expected: "a tensor, or a list of tensors", found: describe(given) };
        report(this.#env, diagnostics.wrongType(from.span, values));
      }
      return undefined;
    }
    const carries: Omit<Carry, "next">[] = [];
    const value = mapTensors(init, ({ value: first, sources }) => {
      const leaf = context.carry(this.#loop, this.#carries++, first.dtype, first.shape);
      carries.push({ leaf, init: first });
      return tensorValue(leaf, sources);
    });
    return { name, init, value, carries };
  }

  /** What a carried name becomes: of the shape and type of its first value. */
  #next(carried: CarriedName, scope: Scope, isCutShort: boolean): Value | undefined {
    const { name, span } = carried.name;
    const env = this.#env;
    const binding = scope.own().get(nextName(name));
    if (binding === undefined) {
      if (!isCutShort) report(env, diagnostics.carryWithoutNext(span, { name }));
      return undefined;
    }
    if (binding.value.kind === "error") return undefined;
    const next = matchItems(carried.init, binding.value, (first, item) => {
      const tensor = scalarTensor(env, item, first.value.dtype);
      if (tensor === undefined) return undefined;
      const { dtype, shape } = first.value;
      if (!fits(tensor.value.shape, shape) || !widensTo(tensor.value.dtype, dtype))
        return undefined;
      const converted = convertTensor(env, tensor, dtype).value;
      return tensorValue(broadcastTo(env.session.context, converted, shape), first.sources);
    });
    if (next !== undefined) return next;
    const labels = [{ span: this.#statement.from.span, text: "its first value" }];
    const values = {
      name,
      expected: describeItems(carried.init),
      found: describeItems(binding.value),
      advice: advice(carried.init, binding.value),
    };
    report(env, diagnostics.carryChanges(binding.span, values, { labels }));
    return undefined;
  }
}

/** Whether one tensor's shape is the end of another's, as `<-` has it. */
function fits(shape: Shape, whole: Shape): boolean {
  const missing = whole.length - shape.length;
  return missing >= 0 && sameShape(whole.slice(missing), shape);
}

/** What to begin with where a number cannot say it. */
function advice(init: Value, next: Value): string | undefined {
  if (init.kind !== "tensor" || next.kind !== "tensor") return undefined;
  const { dtype, shape } = next.value;
  if (init.value.shape.length > 0) return undefined;
  if (shape.length > 0) return `begin with \`zeros(${printShape(shape)})\``;
  return init.value.dtype === "i32" && dtype === "f32" ? "begin with a float: `0.0`" : undefined;
}

/** The values of a loop's names, each among its results. */
class LoopValues {
  readonly carries: Carry[] = [];
  readonly stacks: Stack[] = [];
  readonly #frame: LoopFrame;
  readonly #carried: readonly CarriedName[];
  /** By name, values of the body to be stacked. */
  readonly #body = new Map<string, { readonly value: Value; readonly span: Span }>();

  constructor(
    env: Environment,
    frame: LoopFrame,
    scope: Scope,
    carried: readonly CarriedName[],
    nexts: readonly Value[],
  ) {
    this.#frame = frame;
    this.#carried = carried;
    carried.forEach(({ carries }, i) => {
      tensorsOf(nexts[i]!).forEach(({ value }, k) => {
        this.carries.push({ ...carries[k]!, next: value });
      });
    });
    const names = new Set(carried.map(({ name }) => name.name));
    for (const [name, { value, span }] of scope.own()) {
      if (names.has(name)) continue;
      const number = value.kind === "element" ? scalarTensor(env, value, "i32") : undefined;
      this.#body.set(name, { value: number ?? value, span });
    }
    carried.forEach(({ name }, i) => {
      const next = { value: nexts[i]!, span: name.span };
      this.#body.set(name.name, next);
      this.#body.set(nextName(name.name), next);
    });
    for (const { value } of this.#body.values()) {
      for (const { value: item } of tensorsOf(value)) this.#stack(item);
    }
  }

  #stack(value: GraphValue): number {
    const known = this.stacks.findIndex((stack) => stack.value === value);
    if (known >= 0) return known;
    return this.stacks.push({ value, place: this.#frame.place }) - 1;
  }

  /** Binds the carries to their last values, and says what the names of the body are from here on. */
  bind(results: readonly GraphValue[], env: Environment): void {
    let place = 0;
    const lasts = new Map<string, Value>();
    for (const { name, init } of this.#carried) {
      const last = mapTensors(init, ({ sources }) => tensorValue(results[place++]!, sources));
      lasts.set(name.name, last);
      lasts.set(nextName(name.name), last);
      env.scope.set(name.name, { value: last, span: name.span });
    }
    const stacked = (value: GraphValue) => results[this.carries.length + this.#stack(value)]!;
    for (const [name, { value }] of this.#body) {
      env.scope.setLoopName(name, loopNameOf(value, stacked, this.#frame, env, lasts.get(name)));
    }
  }
}
