import { createHash } from 'node:crypto';
import type { ClassList } from '../../data/dataset.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import { createModel } from '../../models/registry.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { FrameworkError } from '../../util/errors.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../../util/sealed.ts';
import { resolveWeights } from '../evaluation/evaluate-weights.ts';
import type { Target } from '../planning/fit.ts';
import { valuesByClass } from './initial-weights.ts';
import { leftOutNote, openWeights } from './open-weights.ts';

/** The teacher of a recipe with `distill`: found by its weights, before anything is planned. */

/** A target for plans of a recipe, with the model of its teacher if it has one. @param classes outputs of the student */
export async function withTeacher(target: Target, recipe: Recipe, classes: number): Promise<Target> {
  if (recipe.distill === null) return target;
  const { teacher: checkpoint, entry } = recipe.distill;
  const request = { checkpoint, model: undefined, overrides: [], use: 'evaluate', weights: 'raw' } as const;
  const { model } = await resolveWeights({ ...request, entry: entry ?? undefined }).catch(asTeachers);
  checkSize(model, recipe.data.imageSize);
  return { ...target, teacher: createModel(model.name, { ...model.config, classes }) };
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
): Promise<ReadonlyMap<string, Float32Array> | undefined> {
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
    leftOutNote(file).forEach(note);
    return values;
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

const TEACHER = sealedKind<{ readonly sha256: string }>(
  'teacher',
  1,
  'Restore it from a copy: without it nobody knows whether the run goes on with the teacher it began with.',
);

/** SHA-256 (hex) of names and values. */
export function teacherHash(values: ReadonlyMap<string, Float32Array>): string {
  const hash = createHash('sha256');
  for (const [name, data] of [...values].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}\n`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

/** Keeps in a run's folder which teacher it began with. */
export async function keepTeacher(
  file: string,
  values: ReadonlyMap<string, Float32Array> | undefined,
): Promise<void> {
  if (values !== undefined) await writeSealed(file, TEACHER, { sha256: teacherHash(values) });
}

/** @throws FrameworkError `distill/changed` where a run would go on with another teacher */
export async function checkSameTeacher(
  file: string,
  path: string,
  values: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  const kept = await readSealedIfThere(file, TEACHER);
  if (kept === undefined || kept.sha256 === teacherHash(values)) return;
  throw new FrameworkError(
    'distill/changed',
    `${path} holds other weights than when the run began with it as its teacher.`,
    {
      hint: 'Put back the file that the run began with; a run folder as teacher changes while it trains on.',
    },
  );
}
