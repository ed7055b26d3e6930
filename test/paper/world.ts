/** Folders of results as commands write them: official weights, files nobody knows, and runs on other images. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadRecipe } from '../../src/recipe/load.ts';
import { resolvedYaml, RUN_RECIPE } from '../../src/recipe/resolved.ts';
import {
  RESULT,
  type BenchmarkResult,
  type Protocol,
} from '../../src/robustness/benchmarks/evaluation/result.ts';
import type { Curve, CurvePoint, Plot } from '../../src/robustness/scoring/curve.ts';
import type { Metric } from '../../src/robustness/scoring/metric.ts';
import { writeSealed, writeSealedBytes } from '../../src/util/sealed.ts';

export const HASH = '1a2b3c4d'.repeat(8);

export interface Given {
  readonly model: string;
  readonly fingerprint?: string;
  readonly benchmark: string;
  readonly metrics?: readonly Metric[];
  readonly curves?: readonly Curve[];
  readonly plots?: readonly Plot[];
  readonly protocol?: Partial<Protocol>;
  readonly classes?: number;
}

export const top1 = (value: number, half = 0.5, protocol = 'full1000'): Metric => ({
  ...{ id: 'top1', label: 'top-1', protocol, value, low: value - half, high: value + half },
  ...{ unit: '%', better: 'higher' },
});

export function metric(id: string, value: number, half: number, protocol: string): Metric {
  return { ...top1(value, half, protocol), id, label: id };
}

/** Writes `<folder>/<benchmark>/result.json`. @returns its path */
export async function give(folder: string, given: Given): Promise<string> {
  const {
    model,
    fingerprint = HASH,
    benchmark,
    metrics = [],
    curves,
    plots,
    protocol,
    classes = 1000,
  } = given;
  const result: BenchmarkResult = {
    ...{ benchmark, name: benchmark, model, modelFingerprint: fingerprint, classes },
    protocol: {
      ...{ dataOrigin: 'release', preprocessing: 'short side 256 bicubic, centre crop 224' },
      ...{
        normalization: 'mean 0 0 0, std 1 1 1',
        imageSize: 224,
        weights: 'file',
        subset: 'all',
        parts: 'all',
      },
      ...{ difficulty: 1, normaliser: 'AlexNet', classListSha256: 'c', fileListSha256: 'f' },
      ...protocol,
    },
    ...{ complete: true, problems: [], items: { asked: 50_000, scored: 50_000, unreadable: 0 }, metrics },
    ...{ absent: [], rows: [], parts: [], perClass: {}, isClean: benchmark === 'val' },
    ...(curves === undefined ? {} : { curves }),
    report: { figures: [], ...(plots === undefined ? {} : { plots }) },
  };
  const path = join(folder, benchmark, 'result.json');
  await mkdir(dirname(path), { recursive: true });
  await writeSealed(path, RESULT, result);
  return path;
}

/** A run's folder with its recipe, which is all that a result's run is known by. */
export async function giveRun(folder: string, recipe: string, overrides: readonly string[]): Promise<void> {
  const loaded = await loadRecipe(recipe, overrides);
  await mkdir(folder, { recursive: true });
  const yaml = Buffer.from(resolvedYaml(loaded.recipe, loaded.provenance));
  await writeSealedBytes(join(folder, 'recipe.yaml'), RUN_RECIPE, yaml, { comment: true });
}

/** Points with an interval of ±half around a line. */
export function line(
  name: string,
  plot: string,
  xs: readonly number[],
  at: (x: number) => number,
  half = 1,
): Curve {
  const points = xs.map((x): CurvePoint => {
    const y = at(x);
    const change = { value: y - at(0), low: y - at(0) - half, high: y - at(0) + half };
    return { x, y, low: y - half, high: y + half, correct: 1, total: 2, change };
  });
  return { name, plot, points };
}

const SHARES = [0, 0.1, 0.3, 0.5, 0.7, 0.9];
const OCCLUSION_PLOTS: readonly Plot[] = (['random', 'salient', 'background'] as const).map((id) => ({
  ...{ id, title: `${id} patches dropped`, xLabel: 'share dropped', yLabel: 'change of top-1, points' },
  value: 'change',
}));

/** Occlusion of a model that loses `slope` points at once over the whole range. */
export function occlusion(model: string, clean: number, slope: number, more: Partial<Given> = {}): Given {
  const curves = ['random', 'salient', 'background'].map((id, i) =>
    line(id, id, SHARES, (x) => clean - slope * x * (1 + 0.2 * i)),
  );
  return {
    ...{ model, benchmark: 'occlusion', curves, plots: OCCLUSION_PLOTS },
    metrics: [{ ...metric('salient-50', -0.6 * slope, 1, 'fill zero'), unit: 'points' }],
    ...more,
    protocol: { settings: 'fill zero, saliency dino-s16 abc head 1', ...more.protocol },
  };
}

const BANDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const BAND_PLOT: Plot = {
  id: 'noise',
  title: 'Noise of one band',
  xLabel: 'centre / π',
  yLabel: 'change of top-1, points',
  value: 'change',
};

export function frequency(model: string, at: (x: number) => number, more: Partial<Given> = {}): Given {
  const curves = [line('noise', 'noise', BANDS, (x) => (x === 0 ? 0 : at(x)))];
  const metrics: Metric[] = [
    { ...metric('noise-0.7pi', at(0.7), 1, 'amplitude 0.7 normalised'), unit: 'points' },
  ];
  return {
    model,
    benchmark: 'frequency',
    curves,
    plots: [BAND_PLOT],
    metrics,
    ...more,
    protocol: { settings: 'amplitude 0.7', ...more.protocol },
  };
}

/** Text files in a folder that are no results. */
export async function giveNotes(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'notes.txt'), 'nothing');
}
