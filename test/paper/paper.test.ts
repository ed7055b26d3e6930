import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Page, Table } from '../../src/paper/document.ts';
import { pageHtml } from '../../src/paper/page-html.ts';
import { pageMarkdown } from '../../src/paper/page-markdown.ts';
import { paperPage } from '../../src/paper/page.ts';
import { readSources } from '../../src/paper/sources.ts';
import { sha256File } from '../../src/robustness/classifier/session-classifier.ts';
import { mixedFolder, NAMED } from './mixed.ts';
import { give, line, top1 } from './world.ts';

let root: string;
let page: Page;
const options = { title: 'Both <papers>', named: NAMED, card: 'h200' };
const build = async () =>
  paperPage(await readSources([join(root, 'robustness'), join(root, 'sweep')]), options);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'largekernel-paper-'));
  await mixedFolder(root);
  page = await build();
});

function tables(id: string): readonly Table[] {
  return page.sections.find((section) => section.id === id)?.tables ?? [];
}

function cell(id: string, row: string, column: string, table = 0) {
  const { columns = [], rows = [] } = tables(id)[table] ?? {};
  return rows.find(({ name }) => name === row)?.cells[
    columns.findIndex(({ label }) => label.startsWith(column))
  ];
}

const answer = (number: number) => page.answers.find((one) => one.number === number);

describe('the page of the papers', () => {
  it('has every table and figure, and says which is not known', () => {
    const ids = page.sections.map(({ id }) => id);
    const numbered = (word: string, n: number) => Array.from({ length: n }, (_, i) => `${word}${i + 1}`);
    expect(ids).toEqual([...numbered('table', 8), 'robust-resnets', ...numbered('figure', 10), 'notes']);
    expect(page.sections.find(({ id }) => id === 'table8')?.text.join()).toContain('No stored source');
  });

  it('puts ours beside the published number, with the difference and its interval', () => {
    expect(cell('table5', 'RepLKNet-31B', 'ImageNet-A')).toMatchObject({
      published: '29.4 (+2.7)',
      ours: { text: '30.9 ± 0.6' },
      difference: '+1.5 (+0.9 to +2.1)',
    });
  });

  it('gives no difference where the protocol is not known to agree', () => {
    const { ours, difference } = cell('table5', 'RepLKNet-31B', 'Noise') ?? {};
    expect([ours?.text, difference]).toEqual(['−4.0 ± 1.0', undefined]);
    expect(tables('table5')[0]?.notes.join()).toContain('neither amplitude nor distribution');
  });

  it('leaves weights out of a row whose training is not known, and says how to name them', () => {
    expect(cell('table6', 'ConvNeXt-B', 'ImageNet-A')?.ours).toBeUndefined();
    expect(tables('table6')[0]?.notes.join('\n')).toContain("--row 'ConvNeXt-B=99999999'");
    expect(cell('table6', 'convnext-b 99999999', 'ImageNet-A', 1)?.ours?.text).toBe('33.5 ± 0.5');
  });

  it('leaves a model of another input size out', () => {
    expect(cell('table5', 'ViT-B', 'ImageNet-A')?.difference).toBe('−0.5 (−1.4 to +0.4)');
    expect(tables('table4')[0]?.notes.join()).toContain('an input of 384 px, where the paper has 224');
  });

  it('names for every missing cell the commands that fill it, and their cost', () => {
    for (const { tables: own } of page.sections)
      for (const { rows, todos } of own)
        for (const { cells } of rows)
          for (const { ours, todo, none } of cells)
            if (ours === undefined && none === undefined)
              expect(todos.find(({ letter }) => letter === todo)?.commands.length).toBeGreaterThan(0);
    const todo = tables('table7')[0]?.todos[3];
    expect(todo?.commands[0]).toBe(
      'largekernel ablate table7 --only 31-seed0 --data "$DATA" --benchmark-data "$DATA"',
    );
    expect(todo?.cost).toMatch(/^461,257,620 images through the model, about 2 d \d+ h on one h200$/);
  });

  it('takes seeds together, without mixing data sides', () => {
    expect(cell('table1', 'kernels-13', 'mean-error-15', 1)?.ours).toMatchObject({ text: '53.6 ± 1.0' });
    const [main, other] = tables('table1');
    expect([main, other].map((table) => table?.rows.length)).toEqual([5, 3]);
  });
});

describe('the statements', () => {
  it('are answered where intervals leave no doubt, for each set of images', () => {
    expect(answer(1)?.lines.map(({ verdict, where }) => [where, verdict])).toEqual([
      ['ImageNet', 'undecided'],
      ['cifar10, test, 2000 images', 'yes'],
    ]);
    expect(answer(2)?.lines[0]?.verdict).toBe('yes');
    expect(answer(9)?.lines[0]).toMatchObject({ verdict: 'yes' });
    expect(answer(9)?.lines[0]?.words).toContain('3 → 7: +2.0 (+0.6 to +3.4)');
  });

  it('compare networks of any depth, and say in which settings two answers differ', async () => {
    const other = await mkdtemp(join(tmpdir(), 'largekernel-paper-'));
    for (const [model, blocks, drop] of [
      ['replknet-31b', 22, 20],
      ['vit-b16', 12, 80],
      ['vit-l16', 24, 50],
    ] as const) {
      // prettier-ignore
      const xs = Array.from({ length: blocks }, (_, i) => i / blocks);
      const base = { model, fingerprint: String(blocks).padEnd(64, 'a') };
      const lesion = line('removed', 'lesion', xs, (x) => 80 - drop * x);
      await give(join(other, model), { ...base, benchmark: 'lesion', curves: [lesion], protocol: { parts: `${blocks} blocks`, settings: 'unit block' } }); // prettier-ignore
      for (const steps of [5, 10])
        await give(join(other, `${model}-${steps}`), { ...base, benchmark: 'attack-pgd', curves: [line('accuracy', 'eps', [0, 0.006], (x) => 80 - 1000 * x)], protocol: { settings: `steps ${steps}, seed 0` } }); // prettier-ignore
    }
    const { answers } = await paperPage(await readSources([other]), { ...options, named: [] });
    const lines = (number: number) => answers.find((one) => one.number === number)?.lines ?? [];
    expect(lines(5).map(({ verdict }) => verdict)).toEqual(['yes']);
    expect(lines(3).map(({ where }) => where)).toEqual(['PGD, release, steps 10', 'PGD, release, steps 5']);
  });

  it('that nothing answers say what would', () => {
    expect(answer(3)?.lines).toEqual([]);
    expect(answer(3)?.todo?.commands.join()).toContain('attack fgsm');
  });
});

describe('the files', () => {
  it('are the same for the same results', async () => {
    const again = await build();
    expect(pageHtml(again)).toBe(pageHtml(page));
    expect(pageMarkdown(again)).toBe(pageMarkdown(page));
  });

  it('trace every number of ours to its file and hash', async () => {
    const html = pageHtml(page);
    const numbers = [...html.matchAll(/href="#file(\d+)"/g)].map(([, n = '']) => n);
    expect(numbers.length).toBeGreaterThan(20);
    for (const n of new Set(numbers)) expect(html).toContain(`<li id="file${n}"`);
    for (const { path, sha256 } of page.sources) {
      expect(sha256).toBe(await sha256File(path));
      expect(html).toContain(sha256);
    }
  });

  it('hold no script, nothing from elsewhere, and escape what results say', async () => {
    const hostile = await mkdtemp(join(tmpdir(), 'largekernel-paper-'));
    await give(hostile, { model: '<script>alert(1)</script>', benchmark: 'a', metrics: [top1(1)] });
    const html = pageHtml(await paperPage(await readSources([hostile]), options));
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
    expect(html).toContain('Both &#60;papers&#62;');
  });

  it('unfold everything for paper', () => {
    const html = pageHtml(page, { isForPrint: true });
    expect(html).not.toContain('<details>');
    expect(html).not.toContain('prefers-color-scheme: dark');
  });

  it('are refused where there is nothing, or a result is damaged', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'largekernel-paper-'));
    await expect(readSources([empty])).rejects.toMatchObject({ code: 'data/no-results' });
    const path = await give(empty, { model: 'm', benchmark: 'a', metrics: [top1(50)] });
    await writeFile(path, (await readFile(path, 'utf8')).replace('50', '60'));
    await expect(readSources([empty])).rejects.toMatchObject({ code: 'file/damaged' });
  });
});
