/** Node, where the runtime runs in it. */

/** The part of Node that is asked for; other programs that pose as Node have it too. */
interface NodeProcess {
  readonly argv: readonly string[];
  readonly versions?: { readonly node?: string };
  /** From Node 20.16 on. */
  readonly getBuiltinModule?: (name: string) => unknown;
}

/** A module of Node's own; undefined outside of it, and in versions that give none without waiting. */
export function nodeModule<Module>(name: string): Module | undefined {
  return nodeProcess()?.getBuiltinModule?.(name) as Module | undefined;
}

export function nodeProcess(): NodeProcess | undefined {
  const { process } = globalThis as { readonly process?: NodeProcess };
  return process?.versions?.node === undefined ? undefined : process;
}
