import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPS, kernelsOf } from '../../src/execution/kernels.ts';
import { operandsOf } from '../../src/ops/op.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OPS_FOLDER = `${ROOT}/src/ops`;
const folders = readdirSync(OPS_FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe.each(folders)('the folder of %s', (name) => {
  it('has a meaning, a reference, kernels, shaders, a test and a line in the registry', () => {
    const parts = [
      ...['op', 'reference', 'kernels'].map((part) => `src/ops/${name}/${part}.ts`),
      `shaders/${name}`,
      `test/ops/${name}.test.ts`,
    ];
    expect(parts.filter((part) => !existsSync(`${ROOT}/${part}`))).toEqual([]);
    const lines = readFileSync(`${OPS_FOLDER}/registry.ts`, 'utf8').split('\n');
    expect(lines.filter((line) => line.endsWith(`from './${name}/kernels.ts';`))).toHaveLength(1);
  });

  it('has no file of more than 300 lines', () => {
    const lengths = readdirSync(`${OPS_FOLDER}/${name}`).map(
      (file) => [file, readFileSync(`${OPS_FOLDER}/${name}/${file}`, 'utf8').split('\n').length] as const,
    );
    expect(lengths.filter(([, lines]) => lines > 300)).toEqual([]);
  });
});

describe.each(OPS.map((op) => [op.name, op] as const))('%s', (_name, op) => {
  it('names its operands once each, and nothing that it has not', () => {
    const names = [...op.inputs, ...op.outputs].map((name) => name.replace('?', ''));
    expect(new Set(names).size).toBe(names.length);
    expect(
      (op.mutates ?? []).filter((name) => !op.inputs.some((input) => input.replace('?', '') === name)),
    ).toEqual([]);
    expect(
      (op.accumulates ?? []).filter((name) => !op.outputs.some((output) => output.replace('?', '') === name)),
    ).toEqual([]);
    for (const example of op.examples) {
      operandsOf(op, example.inputs);
      const made = Object.keys(op.infer(example.inputs, example.attrs));
      expect(names).toEqual(expect.arrayContaining(made));
    }
  });

  it('is listed once', () => {
    expect(kernelsOf(op).op).toBe(op);
    expect(OPS.filter(({ name }) => name === op.name)).toHaveLength(1);
  });
});
