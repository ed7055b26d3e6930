import type { Batch } from '../../data/loader.ts';
import type { Normalization } from '../../data/normalization.ts';
import { messageOf } from '../../util/errors.ts';
import { normalizationOf } from '../data.ts';
import type { TrainingJob } from '../job.ts';
import type { Schedule } from '../schedule.ts';
import type { Weights } from '../step/session.ts';
import { EvaluationWatch } from './evaluation-look.ts';
import { KernelTimes } from './kernel-times.ts';
import { writeLook, type LookName, type LookOf } from './look-files.ts';
import type { Sample } from './looks.ts';
import { pictureOf, toBytes } from './pictures.ts';

const SAMPLES = 16;
/** Of a target; label smoothing gives each class less. */
const LEAST_WEIGHT = 0.05;

/** A sample whose picture is not encoded yet. */
type Candidate = Omit<Sample, 'source' | 'width' | 'height'> & { readonly pixels: Uint8Array };

/**
 * Shows people what a run does: writes the files of look-files.ts beside the run, off its path. It only reads what passes by; a file that
 * cannot be written is said, and training goes on.
 */
export class RunLook {
  private readonly job: TrainingJob;
  private readonly size: number;
  private readonly normalization: Normalization;
  private readonly length: Pick<Schedule, 'totalSteps'> & { readonly stepsPerEpoch: number };
  /** Undefined on ranks that write nothing. */
  private readonly times: KernelTimes | undefined;
  private samples: Candidate[] = [];
  private hasSamples = false;
  /** Files are written one after another. */
  private written: Promise<void> = Promise.resolve();

  constructor(job: TrainingJob, { totalSteps }: Schedule, stepsPerEpoch: number) {
    this.job = job;
    this.size = job.recipe.data.imageSize;
    this.normalization = normalizationOf(job.recipe);
    this.length = { totalSteps, stepsPerEpoch };
    if (job.ranks?.isFirst !== false)
      this.times = new KernelTimes(job.device, job.session, (look) => {
        this.write('kernels', async () => look);
      });
  }

  /** Called with each group of training images before it is submitted. @param targets (n, classes) */
  group({ x, keys }: Batch, targets: Float32Array, isFirstOfStep: boolean): void {
    if (this.times === undefined) return;
    if (isFirstOfStep) this.times.stepBegins();
    if (this.hasSamples) return;
    const elems = 3 * this.size ** 2;
    const classes = targets.length / keys.length;
    for (let i = 0; i < keys.length && this.samples.length < SAMPLES; i++)
      this.samples.push({
        key: keys[i] ?? '',
        targets: likeliest(targets.subarray(i * classes, (i + 1) * classes)),
        pixels: toBytes(x.subarray(i * elems, (i + 1) * elems), this.size, this.normalization),
      });
    if (this.samples.length < SAMPLES) return;
    this.hasSamples = true;
    this.writeTraining();
  }

  evaluation(): EvaluationWatch {
    return new EvaluationWatch(this.job.session.model.config.classes, this.size, this.normalization);
  }

  evaluated(watch: EvaluationWatch, step: number, weights: Weights): void {
    this.write(`evaluation-${weights}`, () => watch.result(step, weights));
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    if (!this.hasSamples && this.samples.length > 0) this.writeTraining();
    await this.times?.close();
    await this.written;
  }

  private writeTraining(): void {
    const { recipe, session, classes } = this.job;
    const { samples } = this;
    this.samples = [];
    this.write('training', async () => {
      const pictures: Sample[] = [];
      for (const { pixels, ...sample } of samples)
        pictures.push({ ...sample, ...(await pictureOf(pixels, this.size)) });
      return {
        steps: this.length.totalSteps,
        stepsPerEpoch: this.length.stepsPerEpoch,
        epochs: recipe.schedule.epochs,
        batch: recipe.batch.size,
        recipe: recipe.name,
        model: session.model.name,
        classes: classes.classes.map(({ name }) => name),
        samples: pictures,
      };
    });
  }

  private write<N extends LookName>(name: N, content: () => Promise<LookOf<N>>): void {
    this.written = this.written
      .then(async () => writeLook(this.job.folder, name, await content()))
      .catch((error: unknown) => {
        this.job.reporter.note(`${name}.json, which only \`largekernel watch\` shows: ${messageOf(error)}`);
      });
  }
}

function likeliest(target: Float32Array): Sample['targets'] {
  return Array.from(target, (weight, label) => ({ label, weight }))
    .filter(({ weight }) => weight > LEAST_WEIGHT)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, 2);
}
