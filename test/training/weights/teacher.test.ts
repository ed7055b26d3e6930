import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { createModel } from '../../../src/models/registry.ts';
import { loadChecked } from '../../../src/training/effects.ts';
import { targetOf } from '../../../src/training/planning/fit.ts';
import { checkSameTeacher, keepTeacher, withTeacher } from '../../../src/training/weights/teacher.ts';
import { formula } from '../../models/formula.ts';
import { scratchFolder, tinyRecipe } from '../tiny.ts';

const OPTIONS = { dim: 24, depth: 1, patch: 7, imageSize: 28, classes: 10 };
const teacherOf = (heads: number) => {
  const model = createModel('vit-b16', { ...OPTIONS, heads });
  const values = new Map(
    model.parameters.map(({ name, shape }) => [name, Float32Array.from(formula(name, shape))]),
  );
  return { model, values };
};

describe('the teacher that a run began with', () => {
  it('is the same, or what differs is said: values, heads that no value shows, or a record that is gone', async () => {
    const record = join(scratchFolder(), 'teacher.json');
    const teacher = teacherOf(3);
    await keepTeacher(record, teacher);
    await checkSameTeacher(record, 't.pth', teacherOf(3));
    await expect(checkSameTeacher(record, 't.pth', teacherOf(4))).rejects.toMatchObject({
      code: 'distill/changed',
      message: expect.stringMatching(/"heads":4.*"heads":3/) as string,
    });
    const values = new Map(teacher.values).set('head.bias', new Float32Array(10).fill(1));
    await expect(checkSameTeacher(record, 't.pth', { ...teacher, values })).rejects.toMatchObject({
      code: 'distill/changed',
      message: 't.pth holds other weights than when the run began with it as its teacher.',
    });
    rmSync(record);
    await expect(checkSameTeacher(record, 't.pth', teacher)).rejects.toMatchObject({
      code: 'distill/unknown',
      message: expect.stringContaining(record) as string,
    });
  });

  it('is told where it knows images otherwise normalised', async () => {
    const file = join(scratchFolder(), 'teacher.safetensors');
    const { model, values } = teacherOf(3);
    const metadata = { 'largekernel.set': '["model.heads=3"]' };
    const tensors = model.parameters.map(({ name, shape }) => {
      return { name, shape, dtype: 'F32' as const, data: values.get(name)! };
    });
    await writeSafetensors(file, tensors, metadata);
    const notesWith = async (...overrides: string[]) => {
      const { recipe } = await loadChecked(tinyRecipe(scratchFolder()), [`distill=${file}`, ...overrides]);
      const notes: string[] = [];
      await withTeacher(targetOf(undefined), recipe, 10, (line) => notes.push(line));
      return notes.filter((line) => line.startsWith('warning'));
    };
    expect(await notesWith('data.mean=[0.5,0.5,0.5]', 'data.std=[0.5,0.5,0.5]')).toEqual([]);
    expect((await notesWith()).join()).toContain('mean 0.500, 0.500, 0.500');
  });
});
