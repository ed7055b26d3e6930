/** The page as one HTML file: no scripts, nothing from elsewhere; for screen, phone and paper. */
import { FIGURE_STYLE, escapeXml as text } from '../report/svg.ts';
import { PAGE_STYLE } from '../report/style.ts';
import type { Answer, Cell, Page, Picture, Section, Shown, Table, Todo } from './document.ts';
import { PAPER_STYLE } from './page-style.ts';
import type { Source } from './sources.ts';

/** @param isForPrint light colours, and everything that is folded on screens is open */
export function pageHtml(page: Page, { isForPrint = false }: { readonly isForPrint?: boolean } = {}): string {
  const { title, sections, answers, sources, version } = page;
  const body = [
    `<h1>${text(title)}</h1>`,
    ...page.text.map((paragraph) => `<p>${inline(paragraph)}</p>`),
    contents(sections),
    answersHtml(answers, sources),
    ...sections.map((section) => sectionHtml(section, sources)),
    sourcesHtml(sources),
    `<p class="note">Made by largekernel ${text(version)} (\`largekernel paper\`); the same results give the same page.</p>`.replace(
      /`([^`]*)`/g,
      '<code>$1</code>',
    ),
  ].join('\n');
  const scheme = isForPrint ? 'light' : 'light dark';
  const style = `${PAGE_STYLE}${FIGURE_STYLE}${PAPER_STYLE}`;
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="${scheme}">`,
    `<title>${text(title)}</title><style>${isForPrint ? lightOnly(style) : style}</style></head><body><main>`,
    isForPrint ? body.replaceAll('<details>', '<details open>') : body,
    '</main></body></html>',
    '',
  ].join('\n');
}

function lightOnly(style: string): string {
  return style.replaceAll('(prefers-color-scheme: dark)', 'not all');
}

/** Text with `code` in it. */
function inline(words: string): string {
  return text(words).replace(/`([^`]*)`/g, '<code>$1</code>');
}

function contents(sections: readonly Section[]): string {
  const items = sections.map(({ id, title }) => {
    const [short = title] = /^(Table|Figure) \d+/.exec(title) ?? [];
    return `<li><a href="#${id}" title="${text(title)}">${text(short)}</a></li>`;
  });
  return `<nav><ul><li><a href="#answers">Statements</a></li>${items.join('')}<li><a href="#files">Files</a></li></ul></nav>`;
}

function answersHtml(answers: readonly Answer[], sources: readonly Source[]): string {
  const items = answers.map(({ number, section, statement, lines, todo }) => {
    const given = lines.map(
      ({ verdict, where, words, files }) =>
        `<li><b class="verdict ${verdict}">${verdict}</b> <span class="where">${text(where)}</span><span class="words">${inline(words)}${refs(files, sources)}</span></li>`,
    );
    const none =
      lines.length === 0
        ? '<li><b class="verdict undecided">undecided</b> <span class="words">nothing that would answer it was measured</span></li>'
        : '';
    const more = todo === undefined ? '' : todosHtml([todo], 'For the paper’s own models');
    return `<li id="statement${number}"><h3>${number}. ${text(statement)} <small>section ${text(section)}</small></h3><ul class="lines">${given.join('')}${none}</ul>${more}</li>`;
  });
  return `<section id="answers"><h2>The statements of the paper</h2><p class="note">Yes or no only where the 95 % interval leaves no doubt. Differences of two models are taken from their own intervals as if their images were independent (Zou &amp; Donner 2008), which is on the safe side.</p><ol class="answers">${items.join('')}</ol></section>`;
}

function sectionHtml(
  { id, title, text: paragraphs, tables, pictures }: Section,
  sources: readonly Source[],
): string {
  const notes = paragraphs.map((paragraph) => `<p class="note">${inline(paragraph)}</p>`).join('');
  const drawn =
    pictures.length === 0
      ? ''
      : `<div class="grid bars">${pictures.map((picture) => pictureHtml(picture)).join('')}</div>${dataHtml(pictures, sources)}`;
  return `<section id="${id}"><h2>${text(title)}</h2>${notes}${drawn}${tables.map((table) => tableHtml(table, sources)).join('')}</section>`;
}

function pictureHtml({ title, caption, svg }: Picture): string {
  return `<figure><h3>${text(title)}</h3>${svg}<figcaption>${inline(caption)}</figcaption></figure>`;
}

function dataHtml(pictures: readonly Picture[], sources: readonly Source[]): string {
  const tables = pictures.flatMap((picture) => picture.tables);
  if (tables.length === 0) return '';
  return `<details><summary>The data of the figure</summary>${tables.map((table) => tableHtml(table, sources)).join('')}</details>`;
}

function tableHtml({ caption, columns, rows, notes, todos }: Table, sources: readonly Source[]): string {
  const head = columns.map(
    ({ label, small }) =>
      `<th scope="col">${text(label)}${small === undefined || small === '' ? '' : `<small>${text(small)}</small>`}</th>`,
  );
  const body = rows.map(
    ({ name, small, cells }) =>
      `<tr><th scope="row">${text(name)}${small === undefined || small === '' ? '' : `<small>${text(small)}</small>`}</th>${cells.map((cell) => cellHtml(cell, sources)).join('')}</tr>`,
  );
  const hint = columns.length > 2 ? '<p class="hint">Scroll sideways →</p>' : '';
  const table =
    rows.length === 0
      ? `<h3>${text(caption)}</h3>`
      : `<h3>${text(caption)}</h3>${hint}<div class="scroll" tabindex="0"><table><thead><tr><th scope="col"></th>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
  const said = notes.map((note) => `<li>${inline(note)}</li>`).join('');
  return `${table}${said === '' ? '' : `<ul class="absent">${said}</ul>`}${todos.length === 0 ? '' : todosHtml(todos, 'Commands for what is missing')}`;
}

function cellHtml({ published, ours, difference, todo, none }: Cell, sources: readonly Source[]): string {
  const mark =
    todo === undefined
      ? ''
      : `<abbr class="todo" title="not measured: the commands are below, at ${todo}">– ${todo}</abbr>`;
  const own = ours === undefined ? (none ?? mark) : `<span class="ours">${shownHtml(ours, sources)}</span>`;
  const delta = difference === undefined ? '' : `<small class="delta">${text(difference)}</small>`;
  return published === undefined
    ? `<td>${own}</td>`
    : `<td><span class="published">${text(published)}</span>${own}${delta}</td>`;
}

function shownHtml({ text: words, files }: Shown, sources: readonly Source[]): string {
  return `<span class="number">${text(words)}</span>${refs(files, sources)}`;
}

/** Raised numbers that lead to the list of files; of many seeds the first and the last. */
function refs(files: readonly number[], sources: readonly Source[]): string {
  if (files.length === 0) return '';
  const links = files.map((number) => {
    const source = sources[number - 1];
    const about = source === undefined ? '' : `${source.path} SHA-256 ${source.sha256}`;
    return `<a href="#file${number}" title="${text(about)}">${number}</a>`;
  });
  return `<sup>${links.join(',')}</sup>`;
}

function todosHtml(todos: readonly Todo[], summary: string): string {
  const items = todos.map(
    ({ letter, what, commands, cost }) =>
      `<li>${letter === '' ? '' : `<b>${letter}</b> `}${text(what)} <small>${text(cost)}</small><pre>${commands.map((command) => text(command)).join('\n')}</pre></li>`,
  );
  return `<details><summary>${text(summary)}</summary><ul class="todos">${items.join('')}</ul></details>`;
}

function sourcesHtml(sources: readonly Source[]): string {
  const items = sources.map(({ number, path, sha256, result, sessions, run, isOfTraining }) => {
    const { model, modelFingerprint, name, protocol, items: counted } = result;
    const { preprocessing, imageSize, dataOrigin, subset, weights, settings } = protocol;
    const images = counted.asked === 0 ? [] : [`${counted.scored.toLocaleString('en')} images`];
    const protocolWords = [
      `${name} of ${model}${weights === 'file' ? '' : `, ${weights}`}`,
      ...images,
      dataOrigin,
      ...(subset === 'all' ? [] : [subset]),
      `${preprocessing}, ${imageSize} px`,
      ...(settings === undefined ? [] : [settings]),
      ...(isOfTraining ? ['the run’s last evaluation'] : []),
    ].join('; ');
    const made = [
      ...new Set(
        sessions.map(
          ({ date, version, adapter }) => `${date.slice(0, 10)}, largekernel ${version}, ${adapter}`,
        ),
      ),
    ];
    const facts = [
      `SHA-256 <code>${sha256}</code>`,
      ...(modelFingerprint === '' ? [] : [`weights <code>${text(modelFingerprint)}</code>`]),
      ...(run === undefined ? [] : [`run <code>${text(run.folder)}</code>, seed ${run.recipe.seed}`]),
      ...made.map((words) => text(words)),
    ];
    return `<li id="file${number}" value="${number}"><code>${text(path)}</code><small>${text(protocolWords)}</small><small>${facts.join('; ')}</small></li>`;
  });
  return `<section id="files"><h2>Files</h2><ol class="files">${items.join('')}</ol></section>`;
}
