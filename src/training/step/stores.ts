import type { Device } from '../../device/device.ts';
import { FlatStore, layoutFlat } from '../../execution/store.ts';
import { SCALER_SPEC } from '../../ops/loss-scale/op.ts';
import { LOSS_SCALER } from './step-graph.ts';
import type { TrainingPlan } from './training-plan.ts';

/** By the names that tensors give as their store. */
export interface Stores {
  readonly parameter: FlatStore;
  readonly gradient: FlatStore;
  readonly state: FlatStore;
  readonly moment1: FlatStore | undefined;
  readonly moment2: FlatStore | undefined;
  readonly ema: FlatStore | undefined;
  readonly 'ema-state': FlatStore | undefined;
  /** BatchNorm's statistics of one micro-batch, with several shards. */
  readonly statistics: FlatStore | undefined;
  readonly [LOSS_SCALER]: FlatStore | undefined;
}

/** Loss scaling has a store of its own. */
const SCALER_LAYOUT = layoutFlat([{ name: LOSS_SCALER, shape: SCALER_SPEC.shape, group: LOSS_SCALER }], 4096);

/** Allocates what a plan stores. */
export function makeStores(device: Device, plan: TrainingPlan): Stores {
  const { layout, stateLayout, moments, emaDecay, update } = plan;
  const averaged = emaDecay !== null;
  const moment = (i: number) => (i <= moments ? new FlatStore(device, `moment ${i}`, layout) : undefined);
  return {
    parameter: new FlatStore(device, 'parameters', layout),
    gradient: new FlatStore(device, 'gradients', layout),
    state: new FlatStore(device, 'state', stateLayout),
    moment1: moment(1),
    moment2: moment(2),
    ema: averaged ? new FlatStore(device, 'EMA parameters', layout) : undefined,
    'ema-state': averaged ? new FlatStore(device, 'EMA state', stateLayout) : undefined,
    statistics: plan.statistics && new FlatStore(device, 'statistics', stateLayout),
    [LOSS_SCALER]: update.graph.scaler && new FlatStore(device, 'loss scaler', SCALER_LAYOUT),
  };
}
