/** The papers themselves: official weights, and training where none were released. */
import { join } from 'node:path';
import { paperModel, type PaperModel } from '../../report/paper-models.ts';
import type { NamedRow } from '../models.ts';
import { publishedTables } from '../published.ts';
import { FIGURES } from '../figures.ts';
import { measureSteps, rowWeights, type Places } from '../work/fill.ts';
import type { Step } from '../work/step.ts';
import { sha256File } from '../../robustness/classifier/session-classifier.ts';
import { existsNow } from '../../util/files.ts';
import type { Item } from './items.ts';

export interface FullRequest {
  readonly items: readonly Item[];
  readonly places: Places;
}

export interface FullPlan {
  readonly steps: readonly Step[];
  /** Official files that are there: rows of the papers by their names. */
  readonly named: readonly NamedRow[];
  /** Files of weights that are wanted and not there. */
  readonly missing: readonly string[];
}

/** Every command once, in order: what trains and measures a row stands together. */
export async function fullPlan({ items, places }: FullRequest): Promise<FullPlan> {
  const steps = new Map<string, Step>();
  const named = new Map<string, NamedRow>();
  const missing = new Set<string>();
  for (const item of items)
    for (const [name, row] of rowsOf(item.id)) {
      const file = row.file === undefined ? undefined : join(places.weights, row.file);
      if (file !== undefined && !existsNow(file)) {
        missing.add(file);
        continue;
      }
      // Rows of several tables may share a name and not the file.
      const key = `${name}\0${file}`;
      if (file !== undefined && !named.has(key))
        named.set(key, { row: name, sha256: await sha256File(file) });
      const { target, training, measured } = await rowWeights(name, row, places, undefined);
      if (target.checkpoint === 'FILE') continue;
      const ids = item.needs.filter((id) => !measured.includes(id));
      for (const step of [...training, ...measureSteps(target, ids, places)])
        steps.set(step.command.join('\0'), step);
    }
  return { steps: [...steps.values()], named: [...named.values()], missing: [...missing] };
}

/** The rows of a table, or the models of a figure. */
function rowsOf(id: string): [string, PaperModel][] {
  const table = publishedTables().find((known) => known.id === id);
  const figure = FIGURES.find(({ number }) => `figure${number}` === id);
  const names =
    table?.rows.map(({ model }) => model) ??
    (figure?.models.length === 0
      ? ['RepLKNet-31B', 'ViT-B', 'ViT-L', 'BiT-r152x4', 'RepLKNet-3B']
      : (figure?.models ?? []));
  const where = table?.id ?? 'table4';
  return names.flatMap((name): [string, PaperModel][] => {
    const row = paperModel(name, where) ?? paperModel(name, 'table6');
    return row === undefined ? [] : [[name, row]];
  });
}
