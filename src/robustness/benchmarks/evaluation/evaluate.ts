import { join } from 'node:path';
import { onFirst } from '../../../mpi/ranks.ts';
import { EVALUATION_CLAIM, claim } from '../../../util/claim.ts';
import { FrameworkError, defined } from '../../../util/errors.ts';
import { checkClasses, classCount, type Classifier } from '../../classifier/classifier.ts';
import { whyNotApplicable } from '../benchmark.ts';
import { resultOf } from './assemble.ts';
import { protocolOf } from './protocol.ts';
import { checkFirstImages } from '../images/release-checks.ts';
import type { BenchmarkResult } from './result.ts';
import type { EvaluateOptions, Report } from './options.ts';
import { evaluateUnit } from './run-unit.ts';
import { EvaluationStore } from './store.ts';
import { addTallies, type Tally } from '../../scoring/tally.ts';
import { workUnits } from './units.ts';
import type { WorkUnit } from './units.ts';

/**
 * Evaluates a classifier on the parts of a benchmark, unit by unit, resuming what was finished before.
 * The caller turns `complete: false` into its exit code.
 * @throws FrameworkError `evaluate/not-applicable`, `evaluate/nothing`, `evaluate/classes`, `data/wrong-size`, `evaluate/aborted`,
 *   `evaluate/other-run`, `held/folder` where another process evaluates into the folder, `checkpoint/non-finite`
 * @example
 *  const location = await locate(findBenchmark('a'), '/data');
 *  const { parts, problems } = await openRelease(location);
 *  const result = await evaluateBenchmark({ benchmark: location.benchmark, classifier, parts, problems,
 *    origin: 'release', folder: 'runs/x/robustness/a', batchSize: 64 });
 */
export async function evaluateBenchmark(options: EvaluateOptions): Promise<BenchmarkResult> {
  const { benchmark, classifier, parts, selection = {} } = options;
  const reason = whyNotApplicable(
    benchmark,
    classifier,
    !(options.isRelease ?? options.origin === 'release'),
  );
  if (reason !== undefined)
    throw new FrameworkError('evaluate/not-applicable', reason, {
      hint: 'leave this benchmark out for this model',
    });
  if (parts.length === 0)
    throw new FrameworkError('evaluate/nothing', `${benchmark.name}: no part of it could be opened`, {
      hint: options.problems?.[0]?.what ?? 'check the data folder',
    });
  if (benchmark.scoring.labelsAreLogits)
    for (const { name, classes } of parts)
      checkClasses(classifier, classes.length, `${benchmark.name}, part ${name},`);
  await checkFirstImages(benchmark.name, parts);
  const held = await onFirst(options.ranks, () =>
    claim(join(options.folder, EVALUATION_CLAIM), 'evaluating'),
  );
  try {
    return await evaluateUnits(options, workUnits(parts, selection, options.imagesPerUnit));
  } finally {
    await held?.release();
  }
}

async function evaluateUnits(options: EvaluateOptions, units: readonly WorkUnit[]): Promise<BenchmarkResult> {
  const { benchmark, classifier, parts, difficulty = 1 } = options;
  const protocol = await protocolOf(options, units);
  const identity = {
    benchmark: benchmark.id,
    model: classifier.name,
    modelFingerprint: classifier.fingerprint,
    ...protocol,
  };
  const store = await EvaluationStore.open(options.folder, identity, options.ranks);
  const tallies = new Map<string, Tally[]>(parts.map(({ name }) => [name, []]));
  const progress = progressOf(options, units);
  const classifiers = new PartClassifiers(options);
  const ofName = new Map(parts.map((part) => [part.name, part]));
  const partOf = ({ part }: WorkUnit) => defined(ofName.get(part), part);
  const make = async (unit: WorkUnit): Promise<Tally> => {
    const part = partOf(unit);
    const context = { part: part.name, classes: classCount(classifier), step: difficulty };
    const own = { ...options, classifier: await classifiers.of(part.name) };
    return evaluateUnit(own, part, unit, benchmark.scoring.scorer(context), progress);
  };
  for await (const { unit, tally, by } of store.tallies(units, make, options.maker)) {
    const images = unit.items.length * partOf(unit).frames;
    if (by !== 'this process') progress(unit, images, tally.failures.length, by === 'an earlier run');
    defined(tallies.get(unit.part), unit.part).push(tally);
  }
  classifiers.free();
  const result = resultOf(
    options,
    units,
    protocol,
    new Map([...tallies].map(([k, v]) => [k, addTallies(v)])),
  );
  await store.finish(result);
  return result;
}

/** The classifier of the part under way, where each has its own. */
class PartClassifiers {
  private readonly options: EvaluateOptions;
  private current: { part: string; classifier: Classifier; done: () => void } | undefined;

  constructor(options: EvaluateOptions) {
    this.options = options;
  }

  async of(part: string): Promise<Classifier> {
    const { classifier, classifierOf } = this.options;
    if (classifierOf === undefined) return classifier;
    if (this.current?.part !== part) {
      this.free();
      this.current = { part, ...(await classifierOf(part)) };
    }
    return this.current.classifier;
  }

  free(): void {
    this.current?.done();
    this.current = undefined;
  }
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
