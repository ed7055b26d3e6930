import { join } from 'node:path';
import { claim } from '../../util/claim.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { checkClasses, classCount } from './classifier.ts';
import { whyNotApplicable } from './records.ts';
import { protocolOf, resultOf } from './assemble.ts';
import type { BenchmarkResult } from './result.ts';
import type { EvaluateOptions, Report } from './options.ts';
import { evaluateUnit } from './run-unit.ts';
import { EvaluationStore } from './store.ts';
import type { Tally } from './tally.ts';
import { addTallies, scorerFor } from './tally.ts';
import { workUnits } from './units.ts';
import type { WorkUnit } from './units.ts';

/**
 * Evaluates a classifier on the parts of a benchmark, unit by unit, resuming what was finished before.
 * The caller turns `complete: false` into its exit code.
 * @throws FrameworkError `evaluate/not-applicable`, `evaluate/nothing`, `evaluate/classes`, `evaluate/aborted`, `evaluate/other-run`,
 *   `held/folder` where another process evaluates into the folder
 * @example
 *  const location = await locate(findBenchmark('a'), '/data');
 *  const { parts, problems } = await openRelease(location);
 *  const result = await evaluateBenchmark({ benchmark: location.benchmark, classifier, parts, problems,
 *    origin: 'release', folder: 'runs/x/robustness/a', batchSize: 64 });
 */
export async function evaluateBenchmark(options: EvaluateOptions): Promise<BenchmarkResult> {
  const { benchmark, classifier, parts, selection = {} } = options;
  const reason = whyNotApplicable(benchmark, classifier, options.origin !== 'release');
  if (reason !== undefined)
    throw new FrameworkError('evaluate/not-applicable', reason, {
      hint: 'leave this benchmark out for this model',
    });
  if (parts.length === 0)
    throw new FrameworkError('evaluate/nothing', `${benchmark.name}: no part of it could be opened`, {
      hint: options.problems?.[0]?.what ?? 'check the data folder',
    });
  if (benchmark.scoring === 'classification' && benchmark.restriction === null)
    for (const { name, classes } of parts)
      checkClasses(classifier, classes.length, `${benchmark.name}, part ${name},`);
  const held = await claim(join(options.folder, 'claim.json'), 'evaluating');
  try {
    return await evaluateUnits(options, workUnits(parts, selection, options.imagesPerUnit));
  } finally {
    await held.release();
  }
}

async function evaluateUnits(options: EvaluateOptions, units: readonly WorkUnit[]): Promise<BenchmarkResult> {
  const { benchmark, classifier, parts, difficulty = 1 } = options;
  const protocol = protocolOf(options, units);
  const store = await EvaluationStore.open(options.folder, {
    benchmark: benchmark.id,
    model: classifier.name,
    modelFingerprint: classifier.fingerprint,
    ...protocol,
  });
  const tallies = new Map<string, Tally[]>(parts.map(({ name }) => [name, []]));
  const progress = progressOf(options, units);
  for (const unit of units) {
    const part = defined(
      parts.find(({ name }) => name === unit.part),
      unit.part,
    );
    let tally = await store.read(unit);
    if (!tally) {
      const isNoise = part.name.includes('noise');
      const scorer = scorerFor(benchmark, classCount(classifier), isNoise, difficulty);
      tally = await evaluateUnit(options, part, unit, scorer, progress);
      await store.write(unit, tally);
    } else progress(unit, unit.items.length * part.frames, tally.failures.length, true);
    defined(tallies.get(part.name), part.name).push(tally);
  }
  const result = resultOf(
    options,
    units,
    protocol,
    new Map([...tallies].map(([k, v]) => [k, addTallies(v)])),
  );
  await store.finish(result);
  return result;
}

function progressOf(options: EvaluateOptions, units: readonly WorkUnit[]): Report {
  const frames = new Map(options.parts.map((part) => [part.name, part.frames]));
  const imagesTotal = units.reduce((sum, unit) => sum + unit.items.length * (frames.get(unit.part) ?? 1), 0);
  let [imagesDone, imagesResumed, failed] = [0, 0, 0];
  return (unit, images, failures, resumed = false) => {
    imagesDone += images;
    if (resumed) imagesResumed += images;
    failed += failures;
    options.onProgress?.({ unit: unit.name, imagesDone, imagesResumed, imagesTotal, failures: failed });
  };
}
