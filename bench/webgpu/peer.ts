/** What the WebGPU benchmark asks of nnc and of each peer, so that one worker measures them all alike. */

import type { Inputs, ShapedLayer, Workload } from "../inputs.ts";

export interface Job {
  /** Dawn; peers that look for a browser's find it in `navigator.gpu`. */
  readonly gpu: GPU;
  readonly workload: Workload;
  readonly layers: readonly ShapedLayer[];
  readonly inputs: Inputs;
  /** What nnc made of the model ahead of time, as JSON. */
  readonly program: string | undefined;
}

/** A model on the device with the job's weights and batch. */
export interface Training {
  /** Submits steps, all on the same batch. Need not wait for them. */
  readonly run: (steps: number) => void | Promise<void>;
  /** The loss of the last step, once it is done. */
  readonly loss: () => Promise<number>;
  /** Resolves when nothing is left to compile, as steps are to be timed alone. */
  readonly settled?: () => Promise<void>;
  readonly dispose: () => void;
}

/** What the module of a peer exports; loading it loads the peer. */
export interface PeerModule {
  readonly open: (job: Job) => Promise<Training>;
}

/** What the worker prints. */
export interface Measurement {
  /** From before the peer was loaded until the loss of the first step was here. */
  readonly firstStepSeconds: number;
  /** A step, median over chunks of steps of which each ends with its loss being read. */
  readonly seconds: number;
  /** Of the process, on all its cores: with an adapter in software what a step costs, otherwise what it costs the host. */
  readonly processorSeconds: number;
  /** Losses of the first and of the twentieth step. */
  readonly first: number;
  readonly twentieth: number;
}
