/** What a run shows of itself to people; plain data, which the page of `largekernel watch` is sent as it is. */

/** A picture as the network sees it, back in 8 bits. */
export interface Picture {
  /** `data:` URI. */
  readonly source: string;
  readonly width: number;
  readonly height: number;
}

export interface TrainingLook {
  /** Optimiser steps of the whole run. */
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  readonly batch: number;
  readonly recipe: string;
  readonly model: string;
  readonly classes: readonly string[];
  /** The first images of the process that trains, after augmentation and mixing. */
  readonly samples: readonly Sample[];
}

export interface Sample extends Picture {
  readonly key: string;
  /** Classes of the target by weight, at most two; more than one where images are mixed. */
  readonly targets: readonly { readonly label: number; readonly weight: number }[];
}

export interface KernelsLook {
  /** Steps that were timed. */
  readonly steps: number;
  /** Milliseconds of the model's passes and the update in one optimiser step; a teacher, adversarial images and sums of shards are left out. */
  readonly ms: number;
  /** Largest first. */
  readonly ops: readonly KernelShare[];
}

/** All nodes of one op in one direction. */
export interface KernelShare {
  readonly op: string;
  readonly direction: 'forward' | 'backward' | 'update';
  /** Nodes of one optimiser step. */
  readonly count: number;
  readonly ms: number;
}

export interface EvaluationLook {
  readonly step: number;
  readonly weights: 'raw' | 'ema';
  readonly images: number;
  /** Of each class. */
  readonly perClass: readonly { readonly images: number; readonly correct: number }[];
  /** Counts by label (row) and prediction (column), where there are few classes. */
  readonly confusion?: readonly (readonly number[])[];
  /** The commonest confusions, commonest first. */
  readonly pairs: readonly { readonly label: number; readonly predicted: number; readonly count: number }[];
  /** Wrong predictions with the largest loss, largest first. */
  readonly mistakes: readonly Mistake[];
}

export interface Mistake extends Picture {
  readonly key: string;
  readonly label: number;
  readonly predicted: number;
  /** Of the prediction, 0 … 1. */
  readonly confidence: number;
  readonly loss: number;
}
