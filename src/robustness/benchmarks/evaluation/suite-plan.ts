import { prepareBenchmark, unlessImagesFail } from '../images/find-images.ts';
import type { Absent, Prepared } from '../images/prepared.ts';
import { selectItems } from '../images/selection.ts';
import { preparationRate } from './run-unit.ts';
import { forwardRate } from '../../classifier/session-classifier.ts';
import type { SuiteOptions } from './suite.ts';
import { plan } from './units.ts';

/** The cost of one benchmark. */
export interface PlannedBenchmark {
  readonly benchmark: string;
  readonly name: string;
  readonly state: 'ready' | 'not applicable' | 'left out';
  /** Why it is not ready, or where its images come from. */
  readonly note: string;
  readonly images: number;
  /** Images through the model: frames count one each. */
  readonly forwardPasses: number;
  /** Images per second of decoding and corrupting, where there are images to try. */
  readonly preparationRate: number | undefined;
  /** At the slower of the two rates; they work side by side. */
  readonly hours: number;
}

export interface SuitePlan {
  /** Images per second of the model on the device. */
  readonly forwardRate: number;
  readonly benchmarks: readonly PlannedBenchmark[];
}

/** Lists what would be evaluated, and measures how fast the model and the images come. Evaluates nothing. */
export async function planSuite(options: SuiteOptions): Promise<SuitePlan> {
  const rate = await forwardRate(options.classifier, options.batchSize);
  const benchmarks: PlannedBenchmark[] = [];
  for (const benchmark of options.benchmarks) {
    const planned = await unlessImagesFail(benchmark, async () => {
      const found = await prepareBenchmark(options, benchmark);
      if ('kind' in found) return found;
      try {
        return await planReady(options, found, rate);
      } finally {
        await found.close();
      }
    });
    benchmarks.push('kind' in planned ? planAbsent(planned, options, rate) : planned);
  }
  return { forwardRate: rate, benchmarks };
}

/** Missing benchmarks are planned at the size of their release. */
function planAbsent(
  { kind: state, benchmark, reason: note }: Absent,
  { selection }: SuiteOptions,
  rate: number,
): PlannedBenchmark {
  const nothing = { images: 0, forwardPasses: 0, hours: 0 };
  const size = state === 'left out' ? plan(benchmark, undefined, selection, rate) : nothing;
  const { images, forwardPasses, hours = 0 } = size;
  const { id, name } = benchmark;
  return { benchmark: id, name, state, note, images, forwardPasses, preparationRate: undefined, hours };
}

async function planReady(options: SuiteOptions, found: Prepared, rate: number): Promise<PlannedBenchmark> {
  const { benchmark, parts, selection, origin, name } = found;
  const { images, forwardPasses } = plan(benchmark, parts, selection);
  const listed = parts.map((part) => ({ part, items: selectItems(part.keys, selection) }));
  const prepared = await preparationRate(options, listed);
  const hours = forwardPasses / Math.min(rate, prepared) / 3600;
  return {
    benchmark: benchmark.id,
    name,
    state: 'ready',
    note: origin,
    images,
    forwardPasses,
    preparationRate: prepared,
    hours,
  };
}
