import { createHash } from 'node:crypto';
import type { Normalization } from '../../data/normalization.ts';
import type { ClassList } from '../../data/dataset.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import { createModel } from '../../models/registry.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { FrameworkError } from '../../util/errors.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../../util/sealed.ts';
import { resolveWeights } from '../evaluation/evaluate-weights.ts';
import { normalizationOf } from '../data.ts';
import type { Target } from '../planning/fit.ts';
import { valuesByClass } from './initial-weights.ts';
import { openWeights } from './open-weights.ts';

/** The teacher of a recipe with `distill`: found by its weights, before anything is planned. */

/**
 * A target for plans of a recipe, with the model of its teacher if it has one.
 * @param classes outputs of the student @param note told how the teacher was recognised, and that it knows images otherwise normalised
 */
export async function withTeacher(
  target: Target,
  recipe: Recipe,
  classes: number,
  note: (line: string) => void = () => undefined,
): Promise<Target> {
  if (recipe.distill === null) return target;
  const { teacher: checkpoint, entry } = recipe.distill;
  const request = { checkpoint, model: undefined, overrides: [], use: 'evaluate', weights: 'raw' } as const;
  const resolved = await resolveWeights({ ...request, entry: entry ?? undefined }).catch(asTeachers);
  const { model, notes, normalization } = resolved;
  checkSize(model, recipe.data.imageSize);
  // The teacher sees the student's images.
  for (const line of notes) if (!line.startsWith('preprocessing')) note(`teacher: ${line}`);
  noteNormalization(normalization, normalizationOf(recipe), note);
  return { ...target, teacher: createModel(model.name, { ...model.config, classes }) };
}

/** Both see the same images, normalised for the student; DeiT and its teacher agree on how. */
function noteNormalization(
  teacher: Normalization,
  student: Normalization,
  note: (line: string) => void,
): void {
  const close = (a: readonly number[], b: readonly number[]) =>
    a.every((value, i) => Math.abs(value - (b[i] ?? NaN)) < 1e-3);
  if (close(teacher.mean, student.mean) && close(teacher.std, student.std)) return;
  const shown = ({ mean, std }: Normalization) =>
    `mean ${mean.map((value) => value.toFixed(3)).join(', ')}, std ${std.map((value) => value.toFixed(3)).join(', ')}`;
  note(
    `warning: the teacher takes images of ${shown(teacher)}, but sees the student's, of ${shown(student)}: its answers may be worse; --set data.mean=… and data.std=… give both the teacher's`,
  );
}

/** Advice on options of a command is none for a recipe's teacher. */
function asTeachers(error: unknown): never {
  const hint = error instanceof FrameworkError ? TEACHER_HINTS[error.code] : undefined;
  if (!(error instanceof FrameworkError) || hint === undefined) throw error;
  throw new FrameworkError('distill/teacher', `distill.teacher: ${error.message}`, { hint });
}

const TEACHER_HINTS: Readonly<Record<string, string>> = {
  'model/unnamed': '`largekernel inspect` shows what it holds, `largekernel models` lists the models.',
  'model/untold':
    'Give the run that made it, or a copy that says it: `largekernel convert FILE COPY.safetensors --model … --set …`.',
};

function checkSize({ name, fixedSize, imageSize }: Model, size: number): void {
  if (!fixedSize || imageSize === size) return;
  throw new FrameworkError(
    'distill/teacher',
    `The teacher ${name} takes images of ${imageSize} pixels only, but data.imageSize is ${size}; both see the same images.`,
    { hint: `Use --set data.imageSize=${imageSize}, or a teacher of ${size} pixels.` },
  );
}

/**
 * The weights of a recipe's teacher; rows of its classifier are those of the run's classes, by name where it names its own.
 * @param model as `withTeacher` found it @param classes undefined: its classifier is taken as it is
 */
export async function loadTeacher(
  { distill, data }: Pick<Recipe, 'distill' | 'data'>,
  model: Model | undefined,
  classes: ClassList | undefined,
  note: (line: string) => void,
): Promise<LoadedTeacher | undefined> {
  if (distill === null || model === undefined) return undefined;
  return opened(distill, async (file, path) => {
    const choice = data.classes;
    const { values, note: about } = await valuesByClass(file, path, model, classes, choice).catch(
      (error: unknown) => {
        // Advice on a classifier to start from is none for a teacher.
        if (!(error instanceof FrameworkError) || !/^(checkpoint\/classes|data\/)/.test(error.code))
          throw error;
        throw new FrameworkError(error.code, `distill.teacher: ${error.message}`, {
          hint: "A teacher must know all of the run's classes. Where its file names none, data.classes says their order: folders, or a file.",
        });
      },
    );
    note(`teacher: ${model.name} from ${path}, ${about}`);
    return { model, values };
  });
}

async function opened<T>(
  { teacher, entry }: NonNullable<Recipe['distill']>,
  use: (file: TensorFile, path: string) => Promise<T>,
): Promise<T> {
  const file = await openWeights(teacher, { entry: entry ?? undefined });
  try {
    return await use(file, teacher);
  } finally {
    await file.close();
  }
}

/** `teacher.json`: which teacher a run learns from. */
interface KeptTeacher {
  /** Of its names and values. */
  readonly sha256: string;
  /** What it computes with them. Absent in runs from before it was kept. */
  readonly model?: string;
}

const OTHERWISE =
  'Restore it from a copy: without it nobody knows whether the run goes on with the teacher it began with.';

const TEACHER = sealedKind<KeptTeacher>('teacher', 1, OTHERWISE);

/** A teacher as a run uses it. */
export interface LoadedTeacher {
  readonly model: Model;
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** What tells one teacher from another: SHA-256 (hex) of names and values; the model, for options leave no trace in those. */
export function identityOf({ model, values }: LoadedTeacher): Required<KeptTeacher> {
  const hash = createHash('sha256');
  for (const [name, data] of [...values].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}\n`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const config = Object.entries(model.config).sort(([a], [b]) => (a < b ? -1 : 1));
  return { sha256: hash.digest('hex'), model: JSON.stringify([model.family, Object.fromEntries(config)]) };
}

/** Keeps in a run's folder which teacher it began with. */
export async function keepTeacher(file: string, teacher: LoadedTeacher | undefined): Promise<void> {
  if (teacher !== undefined) await writeSealed(file, TEACHER, identityOf(teacher));
}

/** @throws FrameworkError `distill/changed` where a run would go on with another teacher, `distill/unknown` where that cannot be known */
export async function checkSameTeacher(file: string, path: string, teacher: LoadedTeacher): Promise<void> {
  const kept = await readSealedIfThere(file, TEACHER);
  if (kept === undefined)
    throw new FrameworkError(
      'distill/unknown',
      `${file} is missing, which says what teacher the run began with.`,
      {
        hint: OTHERWISE,
      },
    );
  const now = identityOf(teacher);
  const isSame = kept.sha256 === now.sha256;
  if (isSame && (kept.model ?? now.model) === now.model) return;
  throw new FrameworkError(
    'distill/changed',
    isSame
      ? `${path} holds the weights with which the run began, but says another model of them: ${now.model}, not ${kept.model ?? ''}.`
      : `${path} holds other weights than when the run began with it as its teacher.`,
    {
      hint: 'Put back the file that the run began with; a run folder as teacher changes while it trains on.',
    },
  );
}
