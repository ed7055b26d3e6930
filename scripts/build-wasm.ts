/**
 * Compiles wasm/*.ts, which is AssemblyScript, to wasm/image.wasm: `npm run wasm`. The result is committed, so an installation needs no
 * compiler. It names the sources and the compiler that made it; a test compares those with what is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../wasm/', import.meta.url);
const RESULT = new URL('image.wasm', FOLDER);
const SECTION = 'sources';
const OPTIONS = '--runtime stub --use abort= --noAssert --enable simd -O3 --converge'.split(' ');

/** SHA-256 of the sources, the options and the compiler's version. */
export function sourcesChecksum(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const hash = createHash('sha256').update(
    `${manifest.devDependencies.assemblyscript} ${OPTIONS.join(' ')}\n`,
  );
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.ts'));
  for (const file of files.sort()) hash.update(`${file}\n`).update(readFileSync(new URL(file, FOLDER)));
  return hash.digest('hex');
}

/** What the committed module says that it was made of: its last section holds nothing else. */
export function builtChecksum(): string {
  return readFileSync(RESULT).subarray(-64).toString();
}

function build(): void {
  const partial = `${fileURLToPath(RESULT)}.partial`;
  const { status } = spawnSync('npx', ['asc', 'wasm/index.ts', '-o', partial, ...OPTIONS], {
    cwd: fileURLToPath(new URL('..', FOLDER)),
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);
  const module = readFileSync(partial);
  const name = Buffer.from(SECTION);
  const content = Buffer.concat([Buffer.of(name.length), name, Buffer.from(sourcesChecksum())]);
  writeFileSync(RESULT, Buffer.concat([module, Buffer.of(0, content.length), content]));
  rmSync(partial);
  process.stdout.write(`wasm/image.wasm: ${module.length} bytes\n`);
}

if (import.meta.url === `file://${process.argv[1]}`) build();
