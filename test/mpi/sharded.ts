/** Changes to the tiny recipe (test/training/tiny.ts) that cut its steps into four shards, of small models: quick to compile. */
const SHARDS = [
  'batch.shards=4',
  'batch.micro=2',
  'augment.mixGroup=4',
  'augment.autoAugment=null',
  'data.limitTrain=32',
  'schedule.epochs=1',
];

const LAYER_NORM = ['model.depths=[1]', 'model.dims=[8]', 'model.kernels=[3]'];

export const SHARDED: Readonly<Record<'LayerNorm' | 'BatchNorm' | 'f16', readonly string[]>> = {
  LayerNorm: [...SHARDS, ...LAYER_NORM],
  BatchNorm: [...SHARDS, 'model.name=resnet20', 'model.depths=[1]', 'model.dims=[4]'],
  f16: [...SHARDS, ...LAYER_NORM, 'precision=f16'],
};
