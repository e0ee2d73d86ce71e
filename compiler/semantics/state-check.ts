/**
 * States that nothing assigns: `=` gives a name another value for the rest of the body, and only `<-` keeps it.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Identifier, Statement } from "../syntax/ast.ts";
import type { Session } from "./session.ts";
import { blocksOf, namesBoundBy } from "./statement-parts.ts";

export function checkStates(session: Session, statements: readonly Statement[]): void {
  const states = new Map<string, Identifier>();
  const assigned = new Set<string>();
  const visit = (statement: Statement): void => {
    if (statement.kind === "declare") {
      if (statement.role === "state") states.set(statement.name.name, statement.name);
    } else if (statement.kind === "assign") {
      assigned.add(statement.target.name);
    } else {
      for (const name of namesBoundBy(statement)) reportRebound(name);
    }
    for (const block of blocksOf(statement)) block.forEach(visit);
  };
  const reportRebound = ({ name, span }: Identifier): void => {
    const state = states.get(name);
    if (state === undefined) return;
    const labels = [{ span: state.span, text: "the state" }];
    session.report(diagnostics.stateRebound(span, { name }, { labels }));
    assigned.add(name);
  };
  statements.forEach(visit);
  for (const { name, span } of states.values()) {
    if (assigned.has(name) || name.startsWith("_")) continue;
    session.report(diagnostics.stateNeverAssigned(span, { name }));
  }
}
