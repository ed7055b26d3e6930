/** What the page must say so that its numbers can be made again: models, protocols, what is missing. */
import { groupProblems, partsText } from '../robustness/benchmarks/images/problems.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import type { ReportModel } from './columns.ts';
import { escapeXml as text, seriesClass } from './svg.ts';

/** One card a row of the tables: its colour and full name, its weights, who evaluated it and when. */
export function modelsHtml(models: readonly ReportModel[]): string {
  const cards = models.map((model, colour) => {
    const [first] = model.results;
    if (first === undefined) return '';
    const { normalization, imageSize, weights } = first.protocol;
    const facts = [
      ['weights', `${WEIGHTS[weights] ?? weights}, SHA-256 <code>${text(first.modelFingerprint)}</code>`],
      ['classes', String(first.classes)],
      ['input', `${imageSize} px; ${text(normalization)}`],
      ...sessionsOf(model).map((words) => ['evaluated', text(words)]),
    ];
    const list = facts.map(([name = '', value = '']) => `<dt>${name}</dt><dd>${value}</dd>`).join('');
    return `<li class="${seriesClass(colour)}"><h3><span class="swatch"></span>${text(model.name)}</h3><dl>${list}</dl></li>`;
  });
  return `<section><h2>Models</h2><ul class="cards">${cards.join('')}</ul></section>`;
}

const WEIGHTS: Readonly<Record<string, string>> = {
  raw: 'of the run',
  ema: 'averaged (EMA) of the run',
  file: 'of a file',
};

/** Date, version and adapter, each once. */
function sessionsOf({ sessions = [] }: ReportModel): string[] {
  const words = sessions.map(
    ({ date, version, adapter, node }) =>
      `${date.slice(0, 10)}, largekernel ${version}, Node ${node}, ${adapter}`,
  );
  return words.length === 0 ? ['date, version and adapter were not noted'] : [...new Set(words)].sort();
}

function allResults(models: readonly ReportModel[]): { model: string; result: BenchmarkResult }[] {
  return models.flatMap((model) => model.results.map((result) => ({ model: model.name, result })));
}

/** One card for each benchmark and way of measuring it, with the models it holds for. */
export function protocolsHtml(models: readonly ReportModel[]): string {
  const cards = new Map<string, { title: string; facts: (readonly [string, string])[]; models: string[] }>();
  for (const { model, result } of allResults(models)) {
    const facts = factsOf(result);
    const key = JSON.stringify([result.name, facts]);
    const card = cards.get(key) ?? { title: result.name, facts, models: [] };
    cards.set(key, { ...card, models: [...card.models, model] });
  }
  const items = [...cards.values()].map(({ title, facts, models: own }) => {
    const who = own.length === models.length && models.length > 1 ? 'all' : own.join('; ');
    const list = [['models', text(who)] as const, ...facts]
      .map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`)
      .join('');
    return `<li><h3>${text(title)}</h3><dl>${list}</dl></li>`;
  });
  return `<section><h2>How the numbers were made</h2><ul class="cards">${items.join('')}</ul></section>`;
}

function factsOf({ items, protocol, metrics, absent }: BenchmarkResult): (readonly [string, string])[] {
  const { scored, asked } = items;
  const { dataOrigin, preprocessing, normalization, imageSize, subset, parts, difficulty, normaliser } =
    protocol;
  const isNormalised = [...metrics, ...absent].some((each) => each.protocol.includes('normalised'));
  return [
    ['images or clips', scored === asked ? `${scored}` : `${scored} of ${asked}`],
    ['data', text(dataOrigin)],
    ['preprocessing', text(`${preprocessing}; input ${imageSize} px; ${normalization}`)],
    ['subset', text(subset)],
    ['parts', text(parts)],
    ...(difficulty === 1 ? [] : [['difficulty', String(difficulty)] as const]),
    ...(isNormalised ? [['normaliser', text(normaliser)] as const] : []),
    ['files', `SHA-256 <code>${text(protocol.fileListSha256)}</code>`],
    ['classes', `SHA-256 <code>${text(protocol.classListSha256)}</code>`],
  ];
}

export function problemsHtml(models: readonly ReportModel[]): string {
  const items = allResults(models).flatMap(({ model, result }) =>
    groupProblems(result.problems).map((group) => {
      const parts = partsText(group);
      const where = parts === 'all' ? result.name : `${result.name}, ${parts}`;
      const count = group.parts.length > 1 ? `${group.count} in each` : `${group.count}`;
      return `<li><b>${text(where)}</b> (${text(model)}): ${text(group.what)} <small>(${count})</small></li>`;
    }),
  );
  if (items.length === 0) return '';
  const shown = items.slice(0, 100);
  const rest =
    items.length > shown.length
      ? `<p>… and ${items.length - shown.length} more in the result files.</p>`
      : '';
  return `<section><h2>What is missing</h2><p class="note">Numbers marked * are of evaluations that are not whole.</p><ul class="problems">${shown.join('')}</ul>${rest}</section>`;
}
