import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** The linter keeps imports between folders pointing downwards; this keeps files inside a folder from importing each other in a ring. */

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** What each file imports when it is loaded; `import()` happens later and is no ring. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)\b[^;]*? from '(\.[^']+)';/gm)].map((found) =>
    normalize(join(dirname(file), found[1] ?? '')),
  );
}

function findRing(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const ring = visit(next, [...path, file]);
      if (ring !== undefined) return ring;
    }
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const ring = visit(file, []);
    if (ring !== undefined) return ring;
  }
  return undefined;
}

it('finds a ring', () => {
  const ring = findRing(new Map(Object.entries({ a: ['b'], b: ['c', 'd'], c: [], d: ['b'] })));
  expect(ring).toEqual(['b', 'd', 'b']);
});

it('no file of src is imported by what it imports', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const imports = new Map(files.map((file) => [file, importsOf(file)]));
  expect([...imports.values()].flat().length).toBeGreaterThan(files.length);
  expect(findRing(imports)).toBeUndefined();
});
