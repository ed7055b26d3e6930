/** The commands that measure a run of ours as others were. */
import { isAnalysis } from '../../robustness/analyses/registry.ts';
import type { BenchmarkResult } from '../../robustness/benchmarks/evaluation/result.ts';
import { modelOfRecipe } from '../../training/weights/recipe-model.ts';
import type { Run } from '../sources.ts';
import { analysisStep, attackStep, benchmarkStep, type Images, type Target } from './measures.ts';
import type { Step } from './step.ts';

/** @param like a result of another model on the images that are wanted */
export function ownStep({ folder, recipe }: Run, like: BenchmarkResult): Step | undefined {
  const { benchmark, protocol, items, parts, classes } = like;
  const { imageSize } = recipe.data;
  const target: Target = {
    name: recipe.name,
    checkpoint: folder,
    model: modelOfRecipe(recipe, classes),
    imageSize,
  };
  const limit = /^(\d+) images/.exec(protocol.subset)?.[1];
  const images: Images = {
    ...{
      data: undefined,
      dataRoot: protocol.dataOrigin === 'release' && benchmark !== 'val' ? '$DATA' : undefined,
    },
    count: Math.round(items.asked / Math.max(1, parts.length)),
    limit: limit === undefined ? undefined : Number(limit),
    isGenerated: protocol.dataOrigin.startsWith('generated'),
  };
  if (benchmark === 'attack-saved') return undefined;
  if (benchmark.startsWith('attack-')) return attackStep([target], benchmark.slice(7), [], images, []);
  if (isAnalysis(benchmark)) {
    const options =
      benchmark === 'occlusion' && /saliency (?!none)/.test(protocol.settings ?? '')
        ? { saliency: '$SALIENCY' }
        : {};
    return analysisStep([target], benchmark, options, images, []);
  }
  return benchmarkStep(target, [benchmark], images, []);
}
