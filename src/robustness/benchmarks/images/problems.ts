import type { Problem } from './parts.ts';

/** The same problem in one or many parts. */
export interface ProblemGroup extends Omit<Problem, 'part'> {
  readonly parts: readonly string[];
}

/** Problems in their order, those that differ only in the part together: a class that is missing from 95 parts is said once. */
export function groupProblems(problems: readonly Problem[]): ProblemGroup[] {
  const groups = new Map<string, Omit<ProblemGroup, 'parts'> & { parts: string[] }>();
  for (const { kind, part, what, count } of problems) {
    const key = JSON.stringify([kind, what, count]);
    const group = groups.get(key) ?? { kind, what, count, parts: [] };
    group.parts.push(part);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** `fog/3`, or `95 parts, gaussian_noise/1 … saturate/5`. */
export function partsText({ parts }: ProblemGroup): string {
  const [first = '', ...rest] = parts;
  const last = rest.at(-1);
  return last === undefined ? first : `${parts.length} parts, ${first} … ${last}`;
}
