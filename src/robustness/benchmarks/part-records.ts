/** The parts of the releases: their folders and counts. */
import { BAR_CORRUPTIONS } from '../corruptions/bar.ts';
import { CORRUPTIONS } from '../corruptions/registry.ts';
import { PERTURBATIONS } from '../corruptions/sequences.ts';
import { SEVERITIES } from '../corruptions/types.ts';
import type { PartRecord } from './benchmark.ts';

/** A benchmark of one folder. */
export const single = (expected: number | null, expectedPerClass?: number): PartRecord[] => [
  { name: 'all', folders: [''], expected, ...(expectedPerClass === undefined ? {} : { expectedPerClass }) },
];

const GROUP_FOLDERS = ['noise', 'blur', 'weather', 'digital', 'extra', 'validation'] as const;
const inGroups = (folder: string): string[] => [
  folder,
  ...GROUP_FOLDERS.map((group) => `${group}/${folder}`),
];

export const corruptionParts: readonly PartRecord[] = CORRUPTIONS.flatMap(({ name, group }) =>
  SEVERITIES.map((severity) => ({
    name: `${name}/${severity}`,
    folders: inGroups(name).map((folder) => `${folder}/${severity}`),
    expected: 50_000,
    expectedPerClass: 50,
    ...(group === 'extra' ? { optional: true as const } : {}),
  })),
);

export const barParts: readonly PartRecord[] = BAR_CORRUPTIONS.flatMap(({ name }) =>
  SEVERITIES.map((severity) => ({
    name: `${name}/${severity}`,
    folders: [`${name}/${severity}`],
    expected: 50_000,
    expectedPerClass: 50,
  })),
);

export const perturbationParts: readonly PartRecord[] = PERTURBATIONS.map(({ name, group }) => ({
  name,
  folders: inGroups(name),
  expected: 50_000,
  expectedPerClass: 50,
  ...(group === 'validation' ? { optional: true as const } : {}),
}));

const NINE_VARIATIONS = [
  'original',
  'mixed_same',
  'mixed_rand',
  'mixed_next',
  'no_fg',
  'only_fg',
  'only_bg_b',
  'only_bg_t',
];
const NINE_REQUIRED = ['original', 'mixed_same', 'mixed_rand'];

export const nineParts: readonly PartRecord[] = NINE_VARIATIONS.map((name) => ({
  name,
  folders: [`${name}/val`],
  expected: 4050,
  expectedPerClass: 450,
  ...(NINE_REQUIRED.includes(name) ? {} : { optional: true as const }),
}));
