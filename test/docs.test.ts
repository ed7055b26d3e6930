import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** What the pages say of files and folders is true. */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const PAGES = [
  ...readdirSync(join(ROOT, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
  ...['README.md', 'CONTRIBUTING.md', 'bench/peers/README.md'],
];

/** Paths in code spans: those that a walk creates, or that name a pattern, are not there. */
const CREATED = /tanh|convmixer|block-lesions|[<*{…]/;

describe.each(PAGES)('%s', (page) => {
  const prose = read(page).replace(/^```[^]*?^```/gm, '');

  it('links to files that exist', () => {
    const links = [...prose.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
  });

  it('names files that exist', () => {
    const paths = [
      ...prose.matchAll(/`((?:src|shaders|test|scripts|recipes|docs|bin|bench|data|checkpoints)\/[^` ]*)`/g),
    ].map(([, path = '']) => path);
    expect(paths.filter((path) => !CREATED.test(path) && !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('the folders of docs/architecture.md', () => {
  const rows = [...read('docs/architecture.md').matchAll(/^\| `src\/(\w+)\/` \| (.*) \|$/gm)].map(
    ([, name = '', holds = '']) => ({ name, holds }),
  );

  it('are those of src, in the order of the linter, highest first', () => {
    const [, layers = ''] = /const LAYERS = \[([^\]]*)\]/.exec(read('eslint.config.js')) ?? [];
    const order = [...layers.matchAll(/'(\w+)'/g)].map(([, name]) => name);
    expect(rows.map(({ name }) => name)).toEqual(order.reverse());
    expect(rows.map(({ name }) => name).sort()).toEqual(foldersOf('src'));
  });

  it.each(rows.filter(({ name }) => name !== 'ops'))('src/$name says what each folder in it holds', (row) => {
    const below = foldersOf(`src/${row.name}`);
    expect(below.filter((folder) => !row.holds.includes(`\`${folder}/\``))).toEqual([]);
  });
});

function foldersOf(path: string): string[] {
  return readdirSync(join(ROOT, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
