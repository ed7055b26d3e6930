import { withoutFigure6 } from './attack-figures.ts';
import type { ReportModel } from './columns.ts';
import { columnsOf, groupsOf } from './columns.ts';
import type { Gallery } from './examples.ts';
import type { Figure, SeverityGroup } from './figures.ts';
import { metricFigures, severityFigures } from './figures.ts';
import { modelsHtml, problemsHtml, protocolsHtml } from './html-about.ts';
import { benchmarkSection, variantSection } from './html-tables.ts';
import { otherColumns, paperFigures } from './paper-figures.ts';
import { plotFigures } from './plots.ts';
import { PAGE_STYLE } from './style.ts';
import { FIGURE_STYLE, escapeXml as text, seriesClass } from './svg.ts';
import { variantTables } from './variants.ts';

export interface ReportInput {
  readonly title: string;
  readonly models: readonly ReportModel[];
  readonly gallery?: Gallery;
  /** A figure of another part of the project, e.g. a training curve, shown after the others. */
  readonly figures?: readonly Figure[];
  /** Paragraphs below the title: what was trained, on what. */
  readonly about?: readonly string[];
}

/**
 * One self-contained page: no scripts, no resources from elsewhere; fits a phone, prints, follows light and dark.
 * @example await writeFileAtomic('report.html', reportHtml({ title: 'Kernel ablation', models, gallery }))
 */
export function reportHtml(input: ReportInput): string {
  const { title, about = [] } = input;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${text(title)}</title><style>${PAGE_STYLE}${FIGURE_STYLE}</style></head><body><main>`,
    `<h1>${text(title)}</h1>`,
    ...about.map((paragraph) => `<p>${text(paragraph)}</p>`),
    reportSections(input),
    '</main></body></html>',
    '',
  ].join('\n');
}

/** What stands below the title; a page that holds it has the report's styles. */
export function reportSections(input: Omit<ReportInput, 'title' | 'about'>): string {
  const { models, gallery, figures = [] } = input;
  const columns = columnsOf(models);
  const sections = [
    ...(models.length === 0 ? [] : [modelsHtml(models)]),
    ...figuresHtml('Main numbers', metricFigures(otherColumns(columns), models)),
    ...figuresHtml('Figures of the paper', paperFigures(models)),
    ...figuresHtml('Analyses', plotFigures(withoutFigure6(models))),
    ...figures.map(figureHtml),
    ...groupsOf(columns).map((group) => benchmarkSection(group, models)),
    ...variantTables(models).map((table) => variantSection(table, models)),
    ...severityFigures(models)
      .filter((group) => group.figures.length > 0)
      .map((group) => severityHtml(group, models)),
    ...(gallery === undefined ? [] : [galleryHtml(gallery)]),
    ...(models.length === 0 ? [] : [protocolsHtml(models)]),
    problemsHtml(models),
  ];
  return sections.join('\n');
}

function figuresHtml(heading: string, figures: readonly Figure[]): string[] {
  if (figures.length === 0) return [];
  const cards = figures.map(
    ({ title, caption, svg }) =>
      `<figure><h3>${text(title)}</h3>${svg}<figcaption>${text(caption)}</figcaption></figure>`,
  );
  return [`<section><h2>${heading}</h2><div class="grid bars">${cards.join('')}</div></section>`];
}

function figureHtml({ title, caption, svg }: Figure): string {
  return `<section><h2>${text(title)}</h2><figure class="wide"><div class="scroll">${svg}</div><figcaption>${text(caption)}</figcaption></figure></section>`;
}

/** @param shown names of the models that are; a model keeps its colour through the whole page */
function legend(models: readonly ReportModel[], shown: readonly string[]): string {
  const items = models.map(({ name }, i) =>
    shown.includes(name)
      ? `<li class="${seriesClass(i)}"><span class="swatch"></span>${text(name)}</li>`
      : '',
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

function severityHtml(
  { origin, names, zero, figures }: SeverityGroup,
  models: readonly ReportModel[],
): string {
  const cards = figures.map(
    ({ title, svg }) => `<figure><figcaption>${text(title)}</figcaption>${svg}</figure>`,
  );
  const key = models.length > 1 ? legend(models, names) : '';
  return `<section><h2>Accuracy by severity</h2><p class="note">${text(origin)}: top-1 in %, bands are 95 % intervals. All figures have the same scale. ${text(zero)}</p>${key}<div class="grid">${cards.join('')}</div></section>`;
}

function galleryHtml({ picture, seed, clean, examples }: Gallery): string {
  const names = [...new Set(examples.map(({ corruption }) => corruption))];
  const imageHtml = ({ source, width, height, corruption, severity }: Gallery['clean']): string =>
    `<img src="${source}" width="${width}" height="${height}" alt="${text(corruption)}, severity ${severity}">`;
  const cards = names.map((name) => {
    const shown = examples.filter(({ corruption }) => corruption === name);
    const images = shown.map(
      (example) => `<div>${imageHtml(example)}<small>${example.severity}</small></div>`,
    );
    return `<figure><figcaption>${text(name.replaceAll('_', ' '))}</figcaption><div>${images.join('')}</div></figure>`;
  });
  const severities = [...new Set(examples.map(({ severity }) => severity))].join(', ');
  const small = clean.width < 96 ? ' pixels' : '';
  const first = `<figure class="clean"><figcaption>clean</figcaption><div><div>${imageHtml(clean)}<small>0</small></div></div></figure>`;
  return `<section><h2>The corruptions</h2><p class="note">${text(picture)}, ${clean.width}×${clean.height} pixels, clean and at severities ${severities}; generated with seed ${seed} as image number 0.</p><div class="grid examples${small}">${first}${cards.join('')}</div></section>`;
}
