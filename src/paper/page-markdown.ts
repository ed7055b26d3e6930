/** The page as Markdown: the same numbers and commands, figures as tables of their data. */
import { escapeMarkdown, markdownTable } from '../report/tables.ts';
import type { Answer, Cell, Page, Section, Shown, Table, Todo } from './document.ts';

export function pageMarkdown({ title, text, answers, sections, sources, version }: Page): string {
  const files = sources.map(
    ({ number, path, sha256, result }) =>
      `${number}. \`${path}\`, SHA-256 \`${sha256}\`: ${escapeMarkdown(`${result.name} of ${result.model}, ${result.protocol.weights}; ${result.protocol.dataOrigin}; ${result.protocol.subset}`)}${result.modelFingerprint === '' ? '' : `; weights \`${result.modelFingerprint}\``}`,
  );
  return [
    `# ${escapeMarkdown(title)}`,
    ...text.map(escapeMarkdown),
    '## The statements of the paper',
    ...answers.map(answerText),
    ...sections.map(sectionText),
    '## Files',
    files.join('\n'),
    `Made by largekernel ${version} (\`largekernel paper\`); the same results give the same page.`,
  ]
    .join('\n\n')
    .concat('\n');
}

function answerText({ number, section, statement, lines, todo }: Answer): string {
  const given = lines.map(
    ({ verdict, where, words, files }) =>
      `- **${verdict}** (${escapeMarkdown(where)}): ${escapeMarkdown(words)}${refs(files)}`,
  );
  const none = lines.length === 0 ? ['- **undecided**: nothing that would answer it was measured'] : [];
  return [
    `**${number}. ${escapeMarkdown(statement)}** (section ${section})`,
    [...given, ...none].join('\n'),
    ...(todo === undefined ? [] : [todoText(todo)]),
  ].join('\n\n');
}

function sectionText({ title, text, tables, pictures }: Section): string {
  return [
    `## ${escapeMarkdown(title)}`,
    ...text.map(escapeMarkdown),
    ...pictures.flatMap((picture) => picture.tables.map(tableText)),
    ...tables.map(tableText),
  ].join('\n\n');
}

function tableText({ caption, columns, rows, notes, todos }: Table): string {
  const header = [
    '',
    ...columns.map(({ label, small }) =>
      small === undefined || small === '' ? label : `${label} (${small})`,
    ),
  ];
  const body = rows.map(({ name, small, cells }) => [
    small === undefined || small === '' ? name : `${name} (${small})`,
    ...cells.map(cellText),
  ]);
  return [
    `### ${escapeMarkdown(caption)}`,
    ...(rows.length === 0 ? [] : [markdownTable(header, body).trimEnd()]),
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${escapeMarkdown(note)}`).join('\n')]),
    ...todos.map(todoText),
  ].join('\n\n');
}

function cellText({ published, ours, difference, todo, none }: Cell): string {
  const own = ours === undefined ? (none ?? (todo === undefined ? '' : `– ${todo}`)) : shownText(ours);
  const delta = difference === undefined ? '' : `, ${difference}`;
  return published === undefined ? own : `published ${published}; ours ${own === '' ? '–' : own}${delta}`;
}

function shownText({ text, files }: Shown): string {
  return `${text}${refs(files)}`;
}

function refs(files: readonly number[]): string {
  return files.length === 0 ? '' : ` [${files.join(', ')}]`;
}

function todoText({ letter, what, commands, cost }: Todo): string {
  const name = letter === '' ? '' : `**${letter}** `;
  return `${name}${escapeMarkdown(what)} (${escapeMarkdown(cost)}):\n\n\`\`\`sh\n${commands.join('\n')}\n\`\`\``;
}
