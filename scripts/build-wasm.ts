/**
 * Compiles wasm/*.ts, which is AssemblyScript, to wasm/image.wasm: `npm run wasm`. The result is committed, so an installation needs no
 * compiler. It names the sources and the compiler that made it; a test compares those with what is there.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

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

async function build(): Promise<void> {
  const { default: asc } = await import('assemblyscript/asc');
  let module: Uint8Array | undefined;
  const { error, stderr } = await asc.main(['index.ts', '-o', 'image.wasm', ...OPTIONS], {
    readFile: (name, folder) => {
      try {
        return readFileSync(new URL(name, folder === '.' ? FOLDER : new URL(`${folder}/`, FOLDER)), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile: (_, contents) => {
      module = contents as Uint8Array;
    },
  });
  if (error || module === undefined) throw new Error(stderr.toString());
  const name = Buffer.from(SECTION);
  const content = Buffer.concat([Buffer.of(name.length), name, Buffer.from(sourcesChecksum())]);
  writeFileSync(RESULT, Buffer.concat([module, Buffer.of(0, content.length), content]));
  process.stdout.write(`wasm/image.wasm: ${module.length} bytes\n`);
}

if (import.meta.url === `file://${process.argv[1]}`) await build();
