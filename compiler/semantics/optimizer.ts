/**
 * Optimizers. In this order run `scale`, by whose result the derivative of the loss is multiplied; `gradient`, for each
 * param; `prepare`, which sees all gradients at once; and `update`, for each param with its gradient, its own slots and
 * the step t, counted from 1. Then the param's constraint holds.
 *
 * `learning_rate` is a run-time number wherever an optimizer has it, so that callbacks and the command line may
 * change it; given as a function, it is a schedule of the updates made so far, t − 1.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { sameShape } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { Parameter, ProcedureName } from "../syntax/ast.ts";
import { applyScalarFunction, type Operand } from "./arithmetic.ts";
import { required } from "./builtins/builtin.ts";
import { callValue } from "./calls.ts";
import { convertTensor } from "./conversions.ts";
import {
  type Level,
  type LevelProcedure,
  levelsOf,
  type OptimizerArguments,
  proceduresOf,
} from "./optimizer-levels.ts";
import { joinPath } from "./paths.ts";
import type { PersistentEntry } from "./persistent.ts";
import { Scope } from "./scope.ts";
import { type BodyKind, type Environment, newOwner, type Owner, report } from "./session.ts";
import { singleNumber } from "./single-number.ts";
import { runBody } from "./statements.ts";
import { scalarTensor } from "./tensors/scalar-tensor.ts";
import {
  describe,
  errorValue,
  floatValue,
  listValue,
  type TemplateValue,
  tensorValue,
  type Value,
} from "./values.ts";

/** The run-time number among an optimizer's arguments. */
const rate = "learning_rate";

/** A param and the derivative of the loss by it. */
export interface Trained {
  readonly param: PersistentEntry;
  readonly gradient: GraphValue;
}

/** An optimizer and what its slots and run-time numbers are called by where there are several. */
export interface OptimizerUse {
  readonly template: TemplateValue;
  readonly span: Span;
  /** Of what it trains; empty for the only one. */
  readonly prefix: string;
}

/** How a procedure is written, and what it is when it runs. */
const procedures: {
  readonly [P in ProcedureName]: { readonly signature: string; readonly body: BodyKind };
} = {
  scale: { signature: "scale(t)", body: "scale" },
  gradient: { signature: "gradient(w, g, t)", body: "gradient" },
  prepare: { signature: "prepare(gs, t)", body: "prepare" },
  update: { signature: "update(w, g, t)", body: "optimizer" },
};

export class OptimizerLowering {
  /** Initial values of the run-time numbers, by name. */
  readonly hypers: Record<string, number> = {};
  readonly #env: Environment;
  readonly #use: OptimizerUse;
  readonly #levels: readonly Level[];
  readonly #override: number | undefined;
  readonly #t: Value;

  constructor(env: Environment, use: OptimizerUse, override: number | undefined) {
    this.#env = env;
    this.#use = use;
    this.#levels = levelsOf(use.template, env);
    this.#override = override;
    this.#t = tensorValue(env.session.context.leaf("counter", "t", "f32", []));
  }

  /** By what the derivative of the loss is multiplied; undefined for 1. */
  scale(): GraphValue | undefined {
    const chain = proceduresOf(this.#levels, "scale");
    if (chain.length === 0) return undefined;
    let factor: GraphValue | undefined;
    this.#called(() => {
      const value = this.#run("scale", chain, [this.#t], null);
      const isOne = (value.kind === "int" || value.kind === "float") && value.value === 1;
      if (isOne) return;
      const { span } = chain.at(-1)!.procedure;
      factor = singleNumber(this.#env, value, { what: "what the loss is scaled by", span });
    });
    return factor;
  }

  /** Adds every update to the pass. */
  update(trained: readonly Trained[]): void {
    const chain = proceduresOf(this.#levels, "update");
    if (chain.length === 0) {
      this.#reportNothing();
      return;
    }
    this.#called(() => {
      const gradients = this.#prepared(trained, this.#gradients(trained));
      trained.forEach(({ param }, i) => {
        this.#updateParam(chain, param, gradients[i]!);
      });
    });
  }

  #called(run: () => void): void {
    const env = this.#env;
    const { name } = this.#use.template.declaration.name;
    env.session.called(this.#use.span, name, env.module, this.#path(), () => {
      run();
      return errorValue;
    });
  }

  /** Of the optimizer's own states; those of a param lie under its path there. */
  #path(): string {
    return joinPath(this.#use.prefix, this.#use.template.declaration.name.name.toLowerCase());
  }

  #gradients(trained: readonly Trained[]): Value[] {
    const chain = proceduresOf(this.#levels, "gradient");
    const raw = trained.map(({ gradient }) => tensorValue(gradient));
    if (chain.length === 0) return raw;
    return trained.map(({ param }, i) => {
      const values = [tensorValue(param.leaf), raw[i]!, this.#t];
      const value = this.#run("gradient", chain, values, param);
      if (isLike(value, raw[i]!.value)) return value;
      const { span } = chain.at(-1)!.procedure;
      const expected = "a gradient like the one given";
      const what = "what `gradient` returns";
      return report(
        this.#env,
        diagnostics.wrongType(span, { what, expected, found: describe(value) }),
      );
    });
  }

  #prepared(trained: readonly Trained[], raw: readonly Value[]): readonly Value[] {
    const chain = proceduresOf(this.#levels, "prepare");
    if (chain.length === 0) return raw;
    const failed = raw.map(() => errorValue);
    const result = this.#run("prepare", chain, [listValue(raw), this.#t], null);
    if (result.kind === "error") return failed;
    const items = result.kind === "list" ? result.items : [];
    if (
      items.length === raw.length &&
      items.every((item, i) => isLike(item, trained[i]!.gradient))
    ) {
      return items;
    }
    const found = describe(result);
    report(this.#env, diagnostics.preparedGradients(chain.at(-1)!.procedure.span, { found }));
    return failed;
  }

  #updateParam(chain: readonly LevelProcedure[], param: PersistentEntry, gradient: Value): void {
    const env = this.#env;
    const before = env.pass.assigned.get(param.leaf);
    this.#run("update", chain, [tensorValue(before ?? param.leaf), gradient, this.#t], param);
    if (env.pass.assigned.get(param.leaf) === before) {
      if (env.session.sink.hasErrors) return;
      const { procedure } = chain.at(-1)!;
      const name = procedure.parameters[0]!.name.name;
      report(env, diagnostics.updateNeverAssigns(procedure.span, { name }));
      return;
    }
    if (param.constraint === null) return;
    const updated = tensorValue(env.pass.assigned.get(param.leaf)!);
    const { value: fn, span } = param.constraint;
    const held = callValue(fn, [{ name: null, value: updated, span }], span, env);
    if (held.kind === "error") return;
    if (isLike(held, param.leaf) && held.kind === "tensor") {
      env.pass.assigned.set(param.leaf, convertTensor(env, held, param.leaf.dtype).value);
      return;
    }
    const what = `the constraint of \`${param.path}\``;
    const expected = "a tensor like the parameter";
    report(env, diagnostics.wrongType(span, { what, expected, found: describe(held) }));
  }

  /** Runs the first of the procedures, which may call the next by its name. */
  #run(
    name: ProcedureName,
    [first, ...inner]: readonly LevelProcedure[],
    values: readonly Value[],
    param: PersistentEntry | null,
    owner: Owner = newOwner(param === null ? this.#path() : joinPath(this.#path(), param.path)),
  ): Value {
    if (first === undefined) return this.#innermost(name, values);
    const { level, procedure } = first;
    const { signature, body } = procedures[name];
    const t = values.at(-1)!;
    const scope = this.#levelScope(level, t, param);
    const env: Environment = {
      ...this.#env,
      module: level.module,
      scope,
      owner,
      body,
      stateRole: "slot",
      stateShape: param?.leaf ?? null,
      floors: false,
      indexed: null,
    };
    const given: readonly Value[] =
      param === null ? values : [...values, { kind: "string", value: param.path }];
    const { parameters, span } = procedure;
    if (parameters.length > given.length || parameters.length === 0) {
      report(env, diagnostics.procedureParameters(span, { name, signature }));
      return errorValue;
    }
    parameters.forEach(({ name: parameter }: Parameter, i) => {
      const isParam = i === 0 && name === "update" && param !== null;
      const cell = isParam ? { cell: param.leaf } : {};
      scope.set(parameter.name, { value: given[i]!, span: parameter.span, ...cell });
    });
    scope.set(name, { value: this.#inside(name, inner, param, owner, values.length), span });
    const result = runBody(procedure.body, env);
    if (name !== "update") return result ?? { kind: "none" };
    return tensorValue(env.pass.assigned.get(param!.leaf) ?? param!.leaf);
  }

  /** What is inside of all procedures of a name: what leaves everything as it is. */
  #innermost(name: ProcedureName, [first, second]: readonly Value[]): Value {
    switch (name) {
      case "scale":
        return floatValue(1);
      case "gradient":
        return second!;
      case "prepare":
        return first!;
      case "update":
        return this.#reportNothing();
    }
  }

  #reportNothing(): Value {
    const { name } = this.#use.template.declaration.name;
    if (this.#env.session.sink.hasErrors) return errorValue;
    return report(this.#env, diagnostics.optimizerOfNothing(this.#use.span, { name }));
  }

  /** What a procedure calls by its own name. */
  #inside(
    name: ProcedureName,
    chain: readonly LevelProcedure[],
    param: PersistentEntry | null,
    owner: Owner,
    count: number,
  ): Value {
    const slots = ["first", "second", "third"].slice(0, count);
    return {
      kind: "builtin",
      builtin: {
        name,
        doc: "",
        parameters: slots.map(required),
        call: ({ arguments: given, env }) => {
          const operands = slots.map((slot) => given.get(slot)!);
          const values = operands.map((operand) => asTensor(operand, env));
          if (values.some(({ kind }) => kind === "error")) return errorValue;
          return this.#run(name, chain, values, param, owner);
        },
      },
    };
  }

  /** Arguments, and what the level's body binds and declares beside its procedures. */
  #levelScope({ declaration, module, of }: Level, t: Value, param: PersistentEntry | null): Scope {
    const scope = new Scope();
    const { span } = declaration.name;
    for (const [key, value] of of.values) {
      scope.set(key, { value: key === rate ? this.#rate(of, value, t, param) : value, span });
    }
    const env: Environment = {
      ...this.#env,
      module,
      scope,
      owner: newOwner(this.#path()),
      body: "optimizer",
      stateRole: "slot",
      stateShape: null,
      floors: false,
      indexed: null,
    };
    runBody(declaration.body, env);
    return scope;
  }

  /** The learning rate of a step, and of a param: a run-time number, or its schedule's value after t − 1 updates. */
  #rate(of: OptimizerArguments, given: Value, t: Value, param: PersistentEntry | null): Value {
    const { context } = this.#env.session;
    const name = joinPath(this.#use.prefix, rate);
    let value: Value;
    if (given.kind === "int" || given.kind === "float") {
      this.hypers[name] = this.#override ?? given.value;
      value = tensorValue(context.leaf("hyper", name, "f32", []));
    } else {
      value = this.#scheduled(given, t);
    }
    const factor = param?.rate ?? 1;
    if (factor === 1 || value.kind === "error") return value;
    const { span } = of.template.declaration.name;
    return applyScalarFunction(this.#env, { fn: "multiply", name: rate, span }, [
      { value, span },
      { value: floatValue(factor), span },
    ]);
  }

  #scheduled(schedule: Value, t: Value): Value {
    const env = this.#env;
    const { span } = this.#use;
    if (schedule.kind === "none" || schedule.kind === "error") return schedule;
    const step = applyScalarFunction(env, { fn: "subtract", name: "step", span }, [
      { value: t, span },
      { value: floatValue(1), span },
    ]);
    const value =
      schedule.kind === "tensor"
        ? schedule
        : callValue(schedule, [{ name: null, value: step, span }], span, env);
    if (value.kind === "error" || value.kind === "int" || value.kind === "float") return value;
    if (value.kind === "tensor" && value.value.shape.length === 0)
      return convertTensor(env, value, "f32");
    const values = { what: "the learning rate", found: describe(value), advice: undefined };
    return report(env, diagnostics.notAScalar(span, values));
  }
}

function isLike(value: Value, of: GraphValue): boolean {
  if (value.kind === "error") return true;
  return value.kind === "tensor" && sameShape(value.value.shape, of.shape);
}

/** Numbers that a procedure hands on are tensors inside, as those that come from outside. */
function asTensor({ value }: Operand, env: Environment): Value {
  if (value.kind !== "int" && value.kind !== "float") return value;
  return scalarTensor(env, value, "f32") ?? value;
}
