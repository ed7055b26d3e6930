import type { Device } from '../device/device.ts';
import type { PipelineCache } from '../shader/pipelines.ts';
import { defined, messageOf } from '../util/errors.ts';
import { Rng } from '../util/rng.ts';
import type { Problem } from './problem.ts';
import { normalisedError, toleranceOf } from '../execution/prove.ts';
import { OpRun } from '../execution/run.ts';
import type { Variant } from '../ops/kernels.ts';
import { inOrder, mapNamed } from '../ops/op.ts';
import { elems, type TensorSpec } from '../ops/tensor.ts';

/** A variant that was not considered. */
export interface Dropped {
  readonly variant: Variant;
  readonly reason: string;
}

/** Timings of the variants of one problem. */
export interface Tuned {
  readonly variant: Variant;
  /** Milliseconds of the first variant and of the chosen one; 0 where no other was left to compare with. */
  readonly ruleMs: number;
  readonly ms: number;
  readonly dropped: readonly Dropped[];
}

export interface TuneOptions {
  /** Positions of variants to skip, and why. */
  readonly skipped?: ReadonlyMap<number, string>;
  /** No variant is started after so many milliseconds. */
  readonly budgetMs?: number;
  /** Called with a variant's position before it is compiled, and with undefined when it has run once. */
  readonly onCompile?: (position: number | undefined) => void;
}

/** A variant must be this much faster than the first to displace it. */
const LEAST_GAIN = 0.05;
/** A timed submission lasts at least this long where repeating can bring it there. */
const ROUND_MS = 5;
const MOST_REPEATS = 256;
const ROUNDS = 4;
/** After so long, no more rounds are started for a variant and no more variants for a problem. */
const VARIANT_MS = 1000;
export const PROBLEM_MS = 20_000;
/** A variant is dropped after its first run if that takes so many times as long as the best. */
const HOPELESS = 3;

/**
 * Times the variants of a problem one after another, each with the queue drained around it. A variant is dropped if it cannot be built or
 * gives another result than the first beyond the op's tolerance. The winner and the first variant are timed again, and the first stays
 * unless it loses twice.
 * @throws whatever building or running the first variant throws
 */
export async function tuneProblem(
  device: Device,
  pipelines: PipelineCache,
  problem: Problem,
  {
    skipped = new Map<number, string>(),
    budgetMs = PROBLEM_MS,
    onCompile = () => undefined,
  }: TuneOptions = {},
): Promise<Tuned> {
  const begun = performance.now();
  const trial = new Trial(device, pipelines, problem, onCompile);
  const rule = await trial.run(0);
  const dropped: Dropped[] = [];
  let best = { position: 0, ms: rule.ms };
  for (const [position, variant] of problem.variants.entries()) {
    if (position === 0) continue;
    const reason =
      skipped.get(position) ?? (performance.now() - begun > budgetMs ? 'no time was left' : undefined);
    if (reason !== undefined) {
      dropped.push({ variant, reason });
      continue;
    }
    try {
      const { ms } = await trial.run(position, { results: rule.results, ms: best.ms });
      if (ms < best.ms) best = { position, ms };
    } catch (error) {
      dropped.push({ variant, reason: messageOf(error) });
    }
  }
  const [first] = problem.variants as readonly [Variant];
  const stays = { variant: first, ruleMs: rule.ms, ms: rule.ms, dropped };
  if (!wins(best.ms, rule.ms)) return stays;
  const ruleMs = (await trial.run(0)).ms;
  const { ms } = await trial.run(best.position);
  if (!wins(ms, ruleMs)) return stays;
  return {
    variant: problem.variants[best.position] ?? first,
    ruleMs: Math.min(rule.ms, ruleMs),
    ms: Math.min(best.ms, ms),
    dropped,
  };
}

/** Whether a variant displaces the first. */
export function wins(ms: number, ruleMs: number): boolean {
  return ms <= (1 - LEAST_GAIN) * ruleMs;
}

interface Outcome {
  readonly ms: number;
  readonly results: readonly Float32Array[];
}

class Trial {
  private readonly inputs: Readonly<Record<string, Float32Array>>;
  private readonly device: Device;
  private readonly pipelines: PipelineCache;
  private readonly problem: Problem;
  private readonly onCompile: (position: number | undefined) => void;

  constructor(
    device: Device,
    pipelines: PipelineCache,
    problem: Problem,
    onCompile: (position: number | undefined) => void,
  ) {
    this.device = device;
    this.pipelines = pipelines;
    this.problem = problem;
    this.onCompile = onCompile;
    this.inputs = mapNamed(inOrder<TensorSpec>(problem.kernels.op.inputs, problem.context.inputs), madeUp);
  }

  /** @param against results to reproduce, and the best time so far */
  async run(position: number, against?: Outcome): Promise<Outcome> {
    const { device, problem } = this;
    const { kernels, context, variants } = problem;
    this.onCompile(position);
    const run = await OpRun.make(
      device,
      this.pipelines,
      kernels,
      context,
      defined(variants[position], 'variant'),
    );
    try {
      for (const [name, data] of Object.entries(this.inputs)) run.write(name, data);
      await device.guard(kernels.op.name, () => {
        run.submit();
      });
      // Software adapters compile when a kernel is first run.
      await device.settle();
      this.onCompile(undefined);
      const results = await this.results(run);
      if (against !== undefined) this.compare(results, against.results);
      return { ms: await time(device, run, against?.ms ?? Infinity), results };
    } finally {
      run.destroy();
    }
  }

  private async results(run: OpRun): Promise<Float32Array[]> {
    const results: Float32Array[] = [];
    for (const name of Object.keys(this.problem.context.outputs)) results.push(await run.read(name));
    return results;
  }

  private compare(results: readonly Float32Array[], want: readonly Float32Array[]): void {
    const tolerance = toleranceOf(this.problem.context);
    results.forEach((result, i) => {
      const error = normalisedError(result, want[i] ?? []);
      if (!(error <= tolerance))
        throw new Error(`its result differs from the first variant's: NMSE ${error.toExponential(1)}`);
    });
  }
}

/** Milliseconds of one run: the best of a few rounds of enough repeats. */
async function time(device: Device, run: OpRun, bestMs: number): Promise<number> {
  const begun = performance.now();
  const round = async (repeats: number) => {
    const start = performance.now();
    run.submit(repeats);
    await device.settle();
    return (performance.now() - start) / repeats;
  };
  let repeats = 1;
  let ms = await round(repeats);
  if (ms > HOPELESS * bestMs && ms > ROUND_MS) return ms;
  while (ms * repeats < ROUND_MS && repeats < MOST_REPEATS) {
    repeats *= 4;
    ms = await round(repeats);
  }
  for (let i = 1; i < ROUNDS && performance.now() - begun < VARIANT_MS; i++)
    ms = Math.min(ms, await round(repeats));
  return ms;
}

const PERIOD = 4099;

/** Normal numbers that repeat with a period that no shape has. */
function madeUp(spec: TensorSpec, _name: string, index: number): Float32Array {
  const rng = new Rng(1, 'tuning', index);
  const numbers = Float32Array.from({ length: PERIOD }, () => rng.normal());
  const data = new Float32Array(elems(spec.shape));
  for (let at = 0; at < data.length; at += PERIOD)
    data.set(numbers.subarray(0, Math.min(PERIOD, data.length - at)), at);
  return data;
}
