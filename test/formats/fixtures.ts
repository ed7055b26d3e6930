/** Files written by PyTorch and NumPy (test/golden/formats/make.py) and helpers for changing their bytes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const golden = (name: string) => fileURLToPath(new URL(`../golden/formats/${name}`, import.meta.url));

export interface Expected {
  shape: number[];
  values: (number | string)[] | 'zeros';
}

export async function readExpected(): Promise<Record<string, Record<string, Expected>>> {
  return JSON.parse(await readFile(golden('expected.json'), 'utf8')) as Record<
    string,
    Record<string, Expected>
  >;
}

/** The numbers of an expected tensor; JSON has no infinities. */
export function numbers({ shape, values }: Expected): number[] {
  if (values === 'zeros') return new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0);
  return values.map((value) =>
    typeof value === 'number' ? value : Number(value.replace('inf', 'Infinity')),
  );
}

/** A folder that is gone after the tests of the file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'largekernel-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function writeTo(folder: string, name: string, data: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, data);
  return path;
}

/** The error a promise rejects with, or undefined. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
