/** The class of a generated trainer: the runtime's `Model` under the model's name and with its types. */

import {
  type ClassDeclarationStructure,
  type MethodDeclarationStructure,
  type OptionalKind,
  Scope,
} from "ts-morph";
import type { TrainerPlan } from "../../runtime/plan.ts";

export function createModelClass(plan: TrainerPlan): OptionalKind<ClassDeclarationStructure> {
  const { model } = plan;
  const type = `nnc.Model<${model}Inputs, ${model}Data, ${model}Outputs, ${model}Metrics>`;
  return {
    name: model,
    isExported: true,
    docs: [describeModel(plan)],
    properties: [{ name: "#model", isReadonly: true, type }],
    ctors: [
      {
        scope: Scope.Private,
        parameters: [{ name: "model", type }],
        statements: ["this.#model = model;"],
      },
    ],
    getAccessors: [
      {
        name: "state",
        returnType: "nnc.RunState",
        docs: ["Where training stands; while `fit` runs, where it began."],
        statements: ["return this.#model.state;"],
      },
      {
        name: "device",
        returnType: "string",
        docs: ["What computes, for people."],
        statements: ["return this.#model.device;"],
      },
    ],
    methods: [createFactory(plan), ...createMethods(plan)],
  };
}

function createFactory({ model, target }: TrainerPlan): OptionalKind<MethodDeclarationStructure> {
  return {
    name: "create",
    isStatic: true,
    isAsync: true,
    parameters: [{ name: "options", type: OPTIONS[target], initializer: "{}" }],
    returnType: `Promise<${model}>`,
    docs: ["The model with its initial weights, on a device."],
    statements: [`return new ${model}(await nnc.openModel(definition, import.meta.url, options));`],
  };
}

const OPTIONS: Readonly<Record<TrainerPlan["target"], string>> = {
  cpu: "nnc.CreateOptions",
  wgsl: "nnc.WebGpuOptions",
  cuda: "nnc.CreateOptions",
};

interface Delegate {
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, type: string, initializer?: string])[];
  readonly returns: string;
  readonly docs: string;
}

function createMethods({ model }: TrainerPlan): OptionalKind<MethodDeclarationStructure>[] {
  const data = ["data", `${model}Data`] as const;
  const batchOptions = ["options", "nnc.BatchOptions", "{}"] as const;
  const path = ["path", "string"] as const;
  const bytes = ["bytes", "Uint8Array"] as const;
  const loadOptions = ["options", "nnc.LoadOptions", "{}"] as const;
  const metrics = `Promise<${model}Metrics>`;
  const delegates: readonly Delegate[] = [
    {
      name: "fit",
      parameters: [data, ["options", `nnc.FitOptions<${model}Data>`, "{}"]],
      returns: "Promise<nnc.History>",
      docs: "Trains; options that are left out are as in the model's train block.",
    },
    {
      name: "evaluate",
      parameters: [data, batchOptions],
      returns: metrics,
      docs: "Loss and metrics over the rows, without training.",
    },
    {
      name: "predict",
      parameters: [["inputs", `${model}Inputs`], batchOptions],
      returns: `Promise<${model}Outputs>`,
      docs: "Outputs for the rows of the inputs.",
    },
    {
      name: "trainOnBatch",
      parameters: [data],
      returns: metrics,
      docs: "One update on all rows given; loss and metrics of this batch.",
    },
    {
      name: "testOnBatch",
      parameters: [data],
      returns: metrics,
      docs: "Loss and metrics of one batch.",
    },
    {
      name: "summary",
      parameters: [],
      returns: "string",
      docs: "A table of layers, shapes and parameters.",
    },
    {
      name: "save",
      parameters: [path],
      returns: "Promise<void>",
      docs: "Writes the weights as safetensors.",
    },
    {
      name: "load",
      parameters: [path, loadOptions],
      returns: "Promise<void>",
      docs: "Takes the weights of a weights file or a checkpoint; with `skipMismatch`, those that match.",
    },
    {
      name: "resume",
      parameters: [path],
      returns: "Promise<void>",
      docs: "Takes everything from a checkpoint; the next `fit` goes on where that run stood.",
    },
    {
      name: "weights",
      parameters: [],
      returns: "Promise<Uint8Array<ArrayBuffer>>",
      docs: "The weights as the bytes of a safetensors file.",
    },
    {
      name: "setWeights",
      parameters: [bytes, loadOptions],
      returns: "Promise<void>",
      docs: "Takes the weights from the bytes of a weights file or a checkpoint, as `load` does.",
    },
    {
      name: "checkpoint",
      parameters: [],
      returns: "Promise<Uint8Array<ArrayBuffer>>",
      docs: "All that training needs to go on, as the bytes of a safetensors file. Pause `fit` first.",
    },
    {
      name: "restore",
      parameters: [bytes],
      returns: "Promise<void>",
      docs: "Takes everything from a checkpoint's bytes, as `resume` does from a file.",
    },
    {
      name: "selfTest",
      parameters: [],
      returns: "Promise<nnc.SelfTestResult>",
      docs: "Compares what the device computes with the compiler's interpreter; the model stays as it is.",
    },
    {
      name: "dispose",
      parameters: [],
      returns: "void",
      docs: "Frees the device.",
    },
  ];
  return delegates.map(({ name, parameters, returns, docs }) => ({
    name,
    parameters: parameters.map(([parameter, type, initializer]) => ({
      name: parameter,
      type,
      ...(initializer === undefined ? {} : { initializer }),
    })),
    returnType: returns,
    docs: [docs],
    statements: [
      `${returns === "void" ? "" : "return "}this.#model.${name}(${parameters.map(([p]) => p).join(", ")});`,
    ],
  }));
}

function describeModel({ model, layers, batchMax }: TrainerPlan): string {
  const parameters = layers.reduce((total, layer) => total + layer.parameters, 0);
  const count = parameters.toLocaleString("en-US");
  return `${model}: ${count} parameters, batches of up to ${batchMax} rows.`;
}
