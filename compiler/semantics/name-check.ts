/**
 * What the text alone tells of names: those that nothing defines, bindings and parameters that nothing reads,
 * and values replaced before anything read them. It covers every declaration of the user's files, called or
 * not, and every branch.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type {
  Declaration,
  Expression,
  Identifier,
  Parameter,
  Statement,
  TypeNode,
} from "../syntax/ast.ts";
import { builtinNames } from "./builtins/index.ts";
import { unknownName, visibleNames } from "./evaluate.ts";
import { childExpressions } from "./expression-children.ts";
import type { Module } from "./modules.ts";
import type { Session } from "./session.ts";
import { checkStates } from "./state-check.ts";
import {
  blocksOf,
  expressionsOf,
  namesBoundBy,
  nextName,
  patternNames,
} from "./statement-parts.ts";

export function checkNames(session: Session, module: Module): void {
  if (module.isStd) return;
  for (const declaration of module.parsed.declarations) {
    checkGradient(session, declaration);
    for (const { parameters, statements, checked, alsoReads } of bodies(declaration)) {
      const read = new Set<string>();
      for (const { type, default: usual } of parameters) {
        if (type !== null) readType(type, read);
        if (usual !== null) readExpression(usual, read);
      }
      readTypeOf(declaration, read);
      readStatements(statements, read);
      const readBesides = new Set<string>();
      readStatements(alsoReads ?? [], readBesides);
      for (const { name } of checked) {
        if (readBesides.has(name.name)) continue;
        if (read.has(name.name) || name.name.startsWith("_")) continue;
        if (givesSize(name, parameters, statements)) continue;
        session.report(diagnostics.unusedParameter(name.span, { name: name.name }));
      }
      const inputs = new Set(
        statements.flatMap((statement) => (statement.kind === "input" ? [statement.name] : [])),
      );
      for (const name of boundNames(statements)) {
        if (read.has(name.name) || name.name.startsWith("_")) continue;
        // The data know an input by its name.
        const rename = inputs.has(name) ? undefined : `_${name.name}`;
        session.report(diagnostics.unusedBinding(name.span, { name: name.name, rename }));
      }
      checkRebinding(session, statements);
      checkStates(session, statements);
      const known = knownNames(declaration, parameters, statements);
      const bound = bindingPlaces(statements);
      for (const { name, isDimension, member } of identifiersIn(parameters, statements)) {
        if (known.has(name.name) || isVisible(name.name, session, module)) continue;
        // A name is not misspelt for what it makes.
        const earlier = [...known].filter((other) => (bound.get(other) ?? 0) <= name.span.start);
        const names = [...earlier, ...visibleNames(session.modules, module, isDimension)];
        session.report(unknownName(name, names, isDimension, member));
      }
    }
  }
}

/** Whether a body reads a size that only this parameter's type names: a tensor may be given for its shape alone. */
function givesSize(
  { name }: Identifier,
  parameters: readonly Parameter[],
  statements: readonly Statement[],
): boolean {
  const [own, others] = [new Set<string>(), new Set<string>()];
  for (const parameter of parameters) {
    if (parameter.type !== null)
      readType(parameter.type, parameter.name.name === name ? own : others);
  }
  const read = new Set<string>();
  readStatements(statements, read);
  return [...own].some((size) => !others.has(size) && read.has(size));
}

/** A derivative by parameters of which none can have one was meant otherwise. */
function checkGradient(session: Session, declaration: Declaration): void {
  if (declaration.kind !== "fn" || declaration.gradient === null) return;
  const { parameters, gradient, name } = declaration;
  if (parameters.some(({ type }) => type === null || mayHoldFloat(type))) return;
  session.report(diagnostics.gradientWithoutFloat(gradient.header, { name: name.name }));
}

function mayHoldFloat(type: TypeNode): boolean {
  if (type.kind === "tuple-type") return type.elements.some(mayHoldFloat);
  const name = type.name?.name;
  return (
    name === undefined ||
    !["i32", "u8", "bool", "int", "float", "string", "fn", "layer"].includes(name)
  );
}

interface Body {
  /** All parameters in sight. */
  readonly parameters: readonly Parameter[];
  /** Those that the body should read. */
  readonly checked: readonly Parameter[];
  readonly statements: readonly Statement[];
  /** What reads the parameters besides. */
  readonly alsoReads?: readonly Statement[];
}

/** The parts of a declaration that share names. What is called with fixed arguments may ignore some. */
function bodies(declaration: Declaration): Body[] {
  switch (declaration.kind) {
    case "fn": {
      const parameters = [...(declaration.config ?? []), ...declaration.parameters];
      const { body: statements, gradient } = declaration;
      const body = { parameters, checked: parameters, statements };
      if (gradient === null) return [body];
      const cotangents = gradient.cotangents.map(
        (name): Parameter => ({
          kind: "parameter",
          name,
          type: null,
          default: null,
          span: name.span,
        }),
      );
      return [
        { ...body, alsoReads: gradient.body },
        {
          parameters: [...parameters, ...cotangents],
          checked: cotangents,
          statements: gradient.body,
        },
      ];
    }
    case "layer": {
      const parameters = [...declaration.config, ...declaration.inputs];
      return [{ parameters, checked: parameters, statements: declaration.body }];
    }
    case "model": {
      const { config, body } = declaration;
      return [{ parameters: config, checked: config, statements: body }];
    }
    case "metric": {
      const { config, inputs, body } = declaration;
      return [{ parameters: [...config, ...inputs], checked: config, statements: body }];
    }
    case "optimizer": {
      const { config, body, procedures } = declaration;
      const own = Object.values(procedures).flatMap((procedure) => procedure?.body ?? []);
      // What an optimizer around another is called for, and other defaults for what its base reads.
      const checked = declaration.base === null ? config : [];
      return [{ parameters: config, checked, statements: [...body, ...own] }];
    }
    default:
      return [];
  }
}

function readTypeOf(declaration: Declaration, read: Set<string>): void {
  if (declaration.kind === "fn" || declaration.kind === "layer") {
    if (declaration.result !== null) readType(declaration.result, read);
  }
}

function readType(type: TypeNode, read: Set<string>): void {
  if (type.kind === "tuple-type") {
    for (const element of type.elements) readType(element, read);
    return;
  }
  for (const dimension of type.dimensions ?? []) {
    const size = dimension.kind === "spread" ? dimension.list : dimension;
    if (size.kind !== "ellipsis") readExpression(size, read);
  }
}

function readExpression(expression: Expression, read: Set<string>): void {
  if (expression.kind === "identifier") read.add(expression.name);
  for (const child of childExpressions(expression)) readExpression(child, read);
}

function readStatements(statements: readonly Statement[], read: Set<string>): void {
  for (const statement of statements) {
    for (const expression of expressionsOf(statement)) readExpression(expression, read);
    if ("type" in statement && statement.type !== null) readType(statement.type, read);
    // The loop itself reads what becomes of its carries.
    if (statement.kind === "scan") {
      for (const { name } of patternNames(statement.pattern)) read.add(nextName(name));
    }
    // A state that is assigned is of use beyond this step; an output is read outside.
    if (statement.kind === "assign") read.add(statement.target.name);
    if (statement.kind === "output") read.add(statement.name.name);
    for (const block of blocksOf(statement)) readStatements(block, read);
  }
}

/** The first place of each name bound in the statements. */
function boundNames(statements: readonly Statement[]): Identifier[] {
  const names = new Map<string, Identifier>();
  const visit = (statement: Statement): void => {
    for (const name of namesBoundBy(statement)) {
      // Counting loops need no name for the count.
      if (statement.kind !== "for" && !names.has(name.name)) names.set(name.name, name);
    }
    for (const block of blocksOf(statement)) block.forEach(visit);
  };
  statements.forEach(visit);
  return [...names.values()];
}

/**
 * Reports a name bound twice in one block without being read between. A value bound before a static `if` or
 * `for` is a default that a branch may replace.
 */
function checkRebinding(session: Session, statements: readonly Statement[]): void {
  const unread = new Map<string, Identifier>();
  for (const statement of statements) {
    const read = new Set<string>();
    readStatements([statement], read);
    for (const name of read) unread.delete(name);
    for (const block of blocksOf(statement)) {
      checkRebinding(session, block);
      for (const name of boundNames(block)) unread.delete(name.name);
    }
    // Inputs and outputs named twice are errors of their own.
    if (statement.kind === "for" || statement.kind === "input") continue;
    // A state bound again is reported as that.
    if (statement.kind === "declare" && statement.role === "state") continue;
    for (const name of namesBoundBy(statement)) {
      const before = unread.get(name.name);
      if (before !== undefined) {
        const labels = [{ span: before.span, text: "the value nothing read" }];
        session.report(diagnostics.reboundUnread(name.span, { name: name.name }, { labels }));
      }
      unread.set(name.name, name);
    }
  }
}

// Names that nothing defines

/** Names that the declaration itself gives a meaning somewhere; whether before its use is seen when it runs. */
function knownNames(
  declaration: Declaration,
  parameters: readonly Parameter[],
  statements: readonly Statement[],
): Set<string> {
  const known = new Set<string>(["N", "training", "trainable", "measuring", "batch_weight"]);
  const addDimensions = (type: TypeNode | null): void => {
    if (type !== null) readType(type, known);
  };
  for (const { name, type } of parameters) {
    known.add(name.name);
    addDimensions(type);
  }
  if (declaration.kind === "fn" || declaration.kind === "layer") addDimensions(declaration.result);
  if (declaration.kind === "optimizer") {
    for (const [call, procedure] of Object.entries(declaration.procedures)) {
      if (procedure === null) continue;
      known.add(call);
      for (const { name } of procedure.parameters) known.add(name.name);
    }
  }
  const visit = (statement: Statement): void => {
    for (const { name } of namesBoundBy(statement)) known.add(name);
    if (statement.kind === "scan") known.add(statement.step.name);
    if (statement.kind === "output") known.add(statement.name.name);
    if (statement.kind === "bind" || statement.kind === "output") addDimensions(statement.type);
    if (statement.kind === "indexed-bind")
      for (const { name } of statement.axes) known.add(name.name);
    for (const expression of expressionsOf(statement)) addAxes(expression, known);
    for (const block of blocksOf(statement)) block.forEach(visit);
  };
  statements.forEach(visit);
  return known;
}

/** Behind which place each name that statements bind can be read: its loop's beginning, or its statement's end. */
function bindingPlaces(statements: readonly Statement[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const visit = (statement: Statement): void => {
    const { kind, span } = statement;
    const at = kind === "for" || kind === "scan" ? span.start : span.end;
    for (const { name } of namesBoundBy(statement)) places.set(name, places.get(name) ?? at);
    for (const block of blocksOf(statement)) block.forEach(visit);
  };
  statements.forEach(visit);
  return places;
}

function addAxes(expression: Expression, known: Set<string>): void {
  if (expression.kind === "reduce") for (const { name } of expression.axes) known.add(name.name);
  for (const child of childExpressions(expression)) addAxes(child, known);
}

interface NameUse {
  readonly name: Identifier;
  /** Whether it stands in a type. */
  readonly isDimension: boolean;
  /** What stands behind it and a dot. */
  readonly member?: string;
}

/** Every name that is read as a value. */
function identifiersIn(
  parameters: readonly Parameter[],
  statements: readonly Statement[],
): NameUse[] {
  const found: NameUse[] = [];
  const inExpression = (expression: Expression, isDimension = false): void => {
    if (expression.kind === "identifier") found.push({ name: expression, isDimension });
    if (expression.kind === "member") {
      found.push({ name: expression.object, isDimension, member: expression.member.name });
      return;
    }
    for (const child of childExpressions(expression)) inExpression(child, isDimension);
  };
  const inStatement = (statement: Statement): void => {
    for (const expression of expressionsOf(statement)) inExpression(expression);
    const isDeclared = statement.kind === "declare" || statement.kind === "input";
    if (isDeclared && statement.type?.kind === "named-type") {
      for (const dimension of statement.type.dimensions ?? []) {
        const size = dimension.kind === "spread" ? dimension.list : dimension;
        if (size.kind !== "ellipsis") inExpression(size, true);
      }
    }
    for (const block of blocksOf(statement)) block.forEach(inStatement);
  };
  for (const { default: usual } of parameters) if (usual !== null) inExpression(usual);
  statements.forEach(inStatement);
  return found;
}

function isVisible(name: string, { modules }: Session, module: Module): boolean {
  const { declarations, imports } = module;
  return (
    declarations.has(name) ||
    imports.has(name) ||
    builtinNames.includes(name) ||
    modules.stdNames.has(name)
  );
}
