/** A tiny model and pictures of two classes, for analyses that need a device. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NORMALIZATIONS } from '../../../src/data/normalization.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import type { Model } from '../../../src/models/model.ts';
import { createModel } from '../../../src/models/registry.ts';
import { ModelWeights } from '../../../src/models/weights.ts';
import { initialise } from '../../../src/nn/parameters.ts';
import type { AnalysisContext } from '../../../src/robustness/analyses/analysis.ts';
import { deviceFor } from '../../ops/harness.ts';
import { writePictures } from '../benchmarks/world.ts';

const SIDE = 32;

/** A ConvNeXt of three stages with different kernels, or its first ones: each takes seconds to compile. */
export function tinyModel(stages: 1 | 3 = 3): Model {
  const config = {
    classes: 2,
    depths: [2, 1, 2].slice(0, stages),
    dims: [4, 6, 6].slice(0, stages),
    kernels: [5, 3, 3].slice(0, stages),
    stemPatch: 4,
    stemStride: 4,
  };
  return createModel('convnext-custom', { ...config, layerScaleInit: 1, headInitScale: 100 });
}

/** Everything but the folder of results. */
export async function tinyContext(
  kind: string,
  model = tinyModel(),
  count = 12,
): Promise<(folder?: string) => AnalysisContext> {
  const root = mkdtempSync(join(tmpdir(), 'largekernel-analyses-'));
  await writePictures(root, { cat: count / 2, dog: count / 2 });
  const values = initialise(model.parameters, 5);
  const file = join(root, 'weights.safetensors');
  await writeSafetensors(
    file,
    model.parameters.map(({ name, shape }) => ({ name, shape, dtype: 'F32', data: values.get(name)! })),
  );
  const { device } = await deviceFor(kind);
  const weights = await ModelWeights.upload(device, model, values);
  let folders = 0;
  return (folder = join(root, `results-${folders++}`)) => ({
    model,
    about: {
      file,
      normalization: NORMALIZATIONS.imagenet,
      evalConfig: { resize: SIDE, crop: SIDE, squash: false, interpolation: 'bilinear' },
      isImagenet: false,
    },
    kind: 'file',
    classNames: ['cat', 'dog'].map((id) => ({ id, name: id })),
    imageSize: SIDE,
    batch: 4,
    values,
    onDevice: async () => ({ device, weights }),
    images: () => ({ spec: { kind: 'folder', root, split: '.', classes: 'folders' }, title: 'pictures' }),
    data: root,
    selection: {},
    crew: undefined,
    folder,
  });
}
